"""What becomes of a charge that a later invoice takes back: a change of plan pays for the new plan with it."""

from collections.abc import Iterator

from django.db.models import QuerySet

from invoices.models import Invoice, InvoiceLine
from invoices.states import InvoiceStatus
from payments import services as payments


def amount_given_back(charged: InvoiceLine) -> int:
    """Of what has paid for it, in minor units: by its own invoice, and by those of which it was paid by taking back.

    What has gone back of such an earlier one was first what stayed charged there, then what was passed on.
    """
    given_back = 0
    for reversal in reversed([*_passed_on(charged)]):
        before = reversal.reverses
        assert before is not None, reversal.id
        given_back += payments.amount_given_back(before.invoice)
        passed_on = -reversal.amount
        given_back = max(0, min(passed_on, given_back - (before.amount - passed_on)))
    return given_back + payments.amount_given_back(charged.invoice)


def _passed_on(charged: InvoiceLine) -> Iterator[InvoiceLine]:
    """The lines by which what was charged before went into it, the latest first."""
    of_changes = InvoiceLine.objects.exclude(reverses=None).select_related("reverses__invoice")
    invoice = charged.invoice
    while (reversal := of_changes.filter(invoice=invoice).order_by("id").first()) is not None:
        yield reversal
        assert reversal.reverses is not None, reversal.id
        invoice = reversal.reverses.invoice


def is_taken_back(invoice: Invoice) -> bool:
    """Whether one that is not void takes back a line of it."""
    return _taking_back(invoice).exists()


def is_taken_back_for_good(invoice: Invoice) -> bool:
    """Whether one takes back a line of it that stays paid, though the subscription has ended."""
    return _taking_back(invoice).exclude(invoice__subscription_invoice__was_unsettled_at_end=True).exists()


def _taking_back(invoice: Invoice) -> QuerySet[InvoiceLine]:
    lines = InvoiceLine.objects.filter(reverses__invoice=invoice)
    return lines.exclude(invoice__status=InvoiceStatus.VOID)
