"""A refund that was made at the provider, of a charge that we know, gets its row here."""

from typing import Any

from config.api.principals import Principal
from config.kernel import db
from invoices.models import Invoice
from payments import events
from payments.models import Receipt, Refund
from payments.services.refunds.giving_back import leave
from payments.services.refunds.reserving import RefundCurrencyDiffers, RefundTooLarge, build, record, reserve
from payments.states import ReceiptStatus


class RefundSpansReceipts(RefundTooLarge):
    """A refund of {amount} {currency} (minor units) of payment {payment_id} takes from several receipts: {receipts}.

    A part of the charge had come back of an earlier refund. It cannot be booked as one: a person must look.
    """

    code = "refund_spans_receipts"


def adopt(
    *,
    invoice: Invoice,
    receipt: Receipt,
    amount: int,
    currency: str,
    reference: str,
    actor: Principal,
    reason: str,
    reserves: bool = True,
) -> Refund:
    """Requires the invoice's lock. The row of a refund of the charge of `receipt` that was made at the provider.

    Its amount is reserved: of what has paid the invoice, of what has paid nothing, or of both, in this order; of the
    charge's own receipt before what had come back of earlier refunds. Raises RefundTooLarge (RefundSpansReceipts where
    only several receipts have as much) and RefundCurrencyDiffers while it does not fit what we know: the event is tried
    again, for a refund of ours may be about to fail. One that is known to have failed needs nothing left and `reserves`
    nothing; whoever ends it says so (`is_reserved`).
    """
    db.require_transaction()
    if currency != receipt.currency:
        raise RefundCurrencyDiffers(**_about(receipt))
    source, unapplied = _source_of(receipt, amount) if reserves else (receipt, 0)
    refund = build(receipt=source, amount=amount, amount_unapplied=unapplied, reason=reason)
    refund.provider_reference = reference
    refund.save(force_insert=True)
    record(invoice=invoice, refund=refund, event=events.RefundCreated, actor=actor, reason=reason)
    if not reserves:
        return refund
    reserve(refund, source)
    if source.status == ReceiptStatus.UNAPPLIED and not source.amount_unapplied:
        leave(invoice=invoice, receipt=source, actor=actor, reason=reason)
    return refund


def _source_of(receipt: Receipt, amount: int) -> tuple[Receipt, int]:
    """The receipt that has `amount` left, and how much of that has paid nothing."""
    returned = Receipt.objects.filter(
        invoice=receipt.invoice_id, returned_refund__charge_reference=receipt.charge_reference
    )
    sources = [receipt, *returned.exclude(id=receipt.id).order_by("id")]
    for source in sources:
        if 1 <= amount <= source.amount_refundable:
            return source, 0
        if 1 <= amount <= source.amount_unapplied:
            return source, amount
        if 1 <= amount <= source.amount_refundable + source.amount_unapplied:
            return source, amount - source.amount_refundable
    having = [source for source in sources if source.amount_refundable + source.amount_unapplied]
    if 1 <= amount <= sum(source.amount_refundable + source.amount_unapplied for source in having):
        receipts = ", ".join(source.id for source in having)
        raise RefundSpansReceipts(amount=amount, receipts=receipts, **_about(receipt))
    raise RefundTooLarge(**_about(receipt))


def _about(receipt: Receipt) -> dict[str, Any]:
    return {
        "payment_id": receipt.payment_id,
        "amount_refundable": receipt.amount_refundable,
        "currency": receipt.currency,
    }
