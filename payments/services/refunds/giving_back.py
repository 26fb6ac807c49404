"""Money that pays nothing goes back to where it came from."""

from config.api.principals import Principal
from config.celery import nudge
from config.kernel import db
from invoices.models import Invoice
from payments import events
from payments.models import Dispute, Payment, Receipt, Refund
from payments.services import receipts
from payments.services.refunds.reserving import build, record, reserve
from payments.states import DisputeStatus, ReceiptStatus

PAID_BY_OTHERS = "the invoice has been paid by other money"


def give_back(
    *, invoice: Invoice, receipt: Receipt, actor: Principal, reason: str, amount: int | None = None
) -> Refund:
    """Requires the invoice's lock. All that the receipt has unapplied, or `amount` of it, goes back."""
    db.require_transaction()
    amount = receipt.amount_unapplied if amount is None else amount
    refund = build(receipt=receipt, amount=amount, amount_unapplied=amount, reason=reason)
    reserve(refund, receipt)
    db.insert_before_commit(refund)
    record(invoice=invoice, refund=refund, event=events.RefundCreated, actor=actor, reason=reason)
    if receipt.status == ReceiptStatus.UNAPPLIED and not receipt.amount_unapplied:
        leave(invoice=invoice, receipt=receipt, actor=actor, reason=reason)
    db.after_commit(lambda: nudge("payments.submit_refund", refund.id))
    return refund


def give_back_surplus(*, invoice: Invoice, actor: Principal, spared: Payment | None = None) -> None:
    """Requires the invoice's lock. Other money has paid the invoice: whatever has come for it and paid nothing goes.

    Left to a person is what is or was under dispute, and the money of `spared`.
    """
    disputed = Dispute.objects.filter(invoice=invoice, status__in=[DisputeStatus.OPEN, DisputeStatus.LOST])
    kept = set(disputed.values_list("receipt_id", flat=True))
    for receipt in list(receipts.held_for(invoice)):
        if receipt.id not in kept and receipt.payment_id != (spared and spared.id):
            give_back(invoice=invoice, receipt=receipt, actor=actor, reason=PAID_BY_OTHERS)


def leave(*, invoice: Invoice, receipt: Receipt, actor: Principal, reason: str) -> None:
    """Requires the invoice's lock. All that it has unapplied is on its way back."""
    receipts.move(
        invoice=invoice,
        receipt=receipt,
        action="give_back",
        event=events.ReceiptRefunding,
        actor=actor,
        reason=reason,
    )
