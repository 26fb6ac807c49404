"""Money that has arrived: booked once per capture, and applied to the invoice it pays. Requires the invoice's lock."""

from collections.abc import Iterable

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.prepared import Select
from invoices import services as invoices
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import Invoice
from outbox import services as outbox
from outbox.states import advance
from payments import events
from payments.models import Payment, Receipt
from payments.providers import registry
from payments.providers.base import Succeeded
from payments.states import ReceiptStatus

_by_capture = Select(Receipt.objects.all(), "provider", "provider_account", "provider_reference")


def booked_for(payment: Payment, outcome: Succeeded) -> str | None:
    """The id of the payment for which this capture has been booked already."""
    receipt = _by_capture.one(payment.provider, outcome.account, outcome.reference)
    return receipt.payment_id if receipt else None


def book(*, invoice: Invoice, payment: Payment, outcome: Succeeded, actor: Principal, reason: str) -> Receipt:
    """The receipt of a capture nobody has booked, unapplied, with its journal; written as it is before the commit."""
    receipt = Receipt(
        payment=payment,
        invoice=invoice,
        provider=payment.provider,
        provider_account=outcome.account,
        provider_reference=outcome.reference,
        amount=outcome.amount,
        currency=outcome.currency,
        received_at=clock.now(),
    )
    db.insert_before_commit(receipt)
    event = events.of_receipt(events.ReceiptCreated, receipt)
    outbox.record(source=invoice, event=event, actor=actor, reason=reason)
    ledger.post(
        kind=JournalKind.CAPTURE,
        source=receipt.id,
        invoice_id=invoice.id,
        currency=outcome.currency,
        debit=_holder(payment.provider),
        credit=accounts.UNAPPLIED,
        amount=outcome.amount,
    )
    return receipt


def pays(receipt: Receipt, invoice: Invoice) -> bool:
    """Whether it is exactly what is due."""
    return (receipt.amount, receipt.currency) == (invoice.amount_due, invoice.currency)


def apply(*, invoice: Invoice, receipt: Receipt, actor: Principal, reason: str) -> None:
    """The receipt pays the invoice, whole."""
    advance(receipt, "apply")
    event = events.of_receipt(events.ReceiptApplied, receipt)
    outbox.record(source=invoice, event=event, actor=actor, reason=reason)
    db.save(receipt, update_fields=["status"])
    invoices.apply_money(invoice=invoice, receipt_id=receipt.id, amount=receipt.amount, actor=actor, reason=reason)


def held_for(invoice: Invoice) -> Iterable[Receipt]:
    """Oldest first: what arrived for the invoice and has paid nothing.

    Receipts change only under their invoice's lock, so they need none of their own; taking it would wait for other
    invoices' uncommitted receipts wherever the database reads by status.
    """
    return Receipt.objects.filter(invoice=invoice, status=ReceiptStatus.UNAPPLIED).order_by("id")


def _holder(provider: str) -> str:
    """The account that holds what was captured: the provider's clearing account, or our bank for manual payments."""
    return accounts.clearing(provider) if registry.get(provider).settles_itself else accounts.BANK
