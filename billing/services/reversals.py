"""What becomes of a charge that a later invoice takes back: a change of plan pays for the new plan with it."""

from collections.abc import Iterator

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
    taken_back_by = InvoiceLine.objects.filter(reverses__invoice=invoice)
    return taken_back_by.exclude(invoice__status=InvoiceStatus.VOID).exists()
