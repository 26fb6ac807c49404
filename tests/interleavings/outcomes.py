"""What counts of an invoice and its money, in words that do not depend on ids."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Sum

from config.kernel import ids
from config.verification.snapshot import Snapshot
from config.verification.verifying import OF_INVOICES, verify
from config.verification.violations import Report
from invoices.ledger.models import Entry
from invoices.models import Customer, Invoice
from outbox.models import OutboxEvent
from payments.models import Dispute, Payment, Receipt, Refund
from payments.providers.simulated.simulator.core import SimulatorCore
from tests.interleavings.worlds import World
from tests.invariants import CHECKED

OF_THE_WHOLE = {"positions"}
"""What is asserted once all interleavings are over."""
A_WISH = "payment.cancel_requested"
"""Noted when it comes while the payment is being sent: the payment's end says whether it came in time."""


def what_counts(world: World) -> list[dict[str, Any]]:
    """Of each invoice the statuses, amounts and books here, charges and refunds at the provider, and every event."""
    return [_of_invoice(world.core, invoice_id) for invoice_id in world.invoice_ids]


def _of_invoice(core: SimulatorCore, id: str) -> dict[str, Any]:
    invoice = Invoice.objects.filter(id=id)
    entries = Entry.objects.filter(journal__invoice=id)
    payments = Payment.objects.filter(invoice=id).order_by("attempt")
    events = OutboxEvent.objects.filter(aggregate_id=id).exclude(type=A_WISH)
    receipts = Receipt.objects.filter(invoice=id)
    return {
        "invoice": invoice.values_list("status", "amount_paid", "amount_credited", "amount_refunded").get(),
        "credit": _credit(invoice.get().customer),
        "payments": list(payments.values_list("status", "amount_refunded", "failure_code")),
        "receipts": sorted(
            receipts.values_list("status", "amount_applied", "amount_unapplied", "amount_refunding", "amount_refunded")
        ),
        "refunds": sorted(Refund.objects.filter(invoice=id).values_list("status", "amount", "amount_unapplied")),
        "disputes": sorted(Dispute.objects.filter(invoice=id).values_list("status", "amount")),
        "books": dict(entries.order_by("account").values_list("account").annotate(Sum("amount"))),
        "events": Counter(events.values_list("type", flat=True)),
        "provider": [
            [(charge.status, charge.amount_refunded) for charge in core.charges(reference=payment.id)]
            for payment in payments
        ],
    }


def _credit(customer: Customer | None) -> list[Any]:
    """What changed it, what there is, and what the customer's invoices had of it."""
    if customer is None:
        return []
    invoices = customer.invoices.values_list("status", "amount", "amount_credited")
    return [sorted(customer.credit_entries.values_list("kind", "amount")), customer.credit_balances(), sorted(invoices)]


def violations(world: World) -> list[str]:
    """What `verify_books` says of each invoice, and payments that were charged twice at the provider."""
    report = Report(CHECKED & OF_INVOICES - OF_THE_WHOLE, limit=5)
    for invoice_id in world.invoice_ids:
        verify(_OneInvoice(invoice_id), report, lambda *_: None)
    payments = Payment.objects.filter(invoice__in=world.invoice_ids).values_list("id", flat=True)
    charged_twice = [payment for payment in payments if len(world.core.charges(reference=payment)) > 1]
    return [*map(str, report.violations), *(f"{payment} was charged twice" for payment in charged_twice)]


class _OneInvoice(Snapshot):
    """As if there were no other invoice and no customer."""

    def __init__(self, invoice_id: str) -> None:
        super().__init__(connection)
        self._number = ids.to_number("inv", invoice_id)

    def chunks(self, table: str, *_: Any, **__: Any) -> Iterator[tuple[str, str, int]]:
        if table == "invoices_invoice":
            yield f"{self._number - 1:032x}", f"{self._number:032x}", 1
