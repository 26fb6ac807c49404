"""Somebody wants money back that has paid an invoice: a refund is created, its amount reserved, a worker nudged."""

from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay, insert_once
from config.api.principals import Principal
from config.celery import nudge
from config.kernel import correlation, db
from config.kernel.errors import FieldError, ForbiddenTransition
from invoices.models import Invoice
from payments import events
from payments.models import Dispute, Payment, Receipt, Refund
from payments.services.locks import lock
from payments.services.refunds.reserving import (
    RefundAmountInvalid,
    RefundCurrencyDiffers,
    RefundTooLarge,
    about_payment,
    amount_lost,
    build,
    check_undisputed,
    record,
    reserve,
)
from payments.states import DisputeStatus, PaymentStatus

_NOT_POSITIVE = FieldError("amount", "not_positive", "Send at least 1, in minor units.")
_WRONG_CURRENCY = FieldError("currency", RefundCurrencyDiffers.code, "Send the payment's currency, or leave it out.")


def request_refund(
    *,
    actor: Principal,
    payment_id: str,
    key: IdempotencyKey,
    amount: int | None = None,
    currency: str | None = None,
    reason: str = "",
) -> Created[Refund]:
    """Give back `amount` minor units of what the payment has paid, or all that is left of it.

    Raises PaymentNotFound, IdempotencyKeyReused, ForbiddenTransition when no money of it has paid anything,
    PaymentDisputed, RefundTooLarge, RefundAmountInvalid, RefundCurrencyDiffers.
    """
    created = find_earlier(Refund, key) or _request(
        actor=actor, payment_id=payment_id, key=key, amount=amount, currency=currency, reason=reason
    )
    correlation.note(refund_id=created.row.id, payment_id=created.row.payment_id, invoice_id=created.row.invoice_id)
    return created


@db.transaction(idempotent=True)
def _request(
    *,
    actor: Principal,
    payment_id: str,
    key: IdempotencyKey,
    amount: int | None,
    currency: str | None,
    reason: str,
) -> Created[Refund]:
    invoice, payment = lock(payment_id)
    if earlier := find_replay(Refund, key):
        return earlier
    receipt, left = _refundable(payment)
    _check(payment, amount=amount, currency=currency, left=left)
    refund = build(receipt=receipt, amount=left if amount is None else amount, reason=reason, key=key)
    created = insert_once(Refund, key, lambda: _inserted(refund))
    if created.is_new:
        _begin(refund, receipt, invoice=invoice, actor=actor, reason=reason)
    return created


def refund_whole(*, invoice: Invoice, actor: Principal, reason: str) -> list[Refund]:
    """Requires the invoice's lock. All that is left of what has paid it goes back; nothing of it, the second time.

    What is under a dispute stays: closing that decides who has it.
    """
    db.require_transaction()
    refunds = []
    for receipt, left in _kept(invoice):
        refund = _inserted(build(receipt=receipt, amount=left, reason=reason))
        _begin(refund, receipt, invoice=invoice, actor=actor, reason=reason)
        refunds.append(refund)
    return refunds


def amount_given_back(invoice: Invoice) -> int:
    """Of what has paid it, in minor units: what was refunded or is to be, and what disputes hold or have taken."""
    given_back: int = invoice.amount_paid - sum(left for _, left in _kept(invoice))
    return given_back


def _kept(invoice: Invoice) -> list[tuple[Receipt, int]]:
    """Its receipts of which something is left, and how much, but for what is under a dispute."""
    disputed = Dispute.objects.filter(invoice=invoice, status=DisputeStatus.OPEN).values("payment")
    receipts = Receipt.objects.filter(invoice=invoice).exclude(payment__in=disputed).order_by("id")
    return [(receipt, left) for receipt in receipts if (left := _left(receipt))]


def _begin(refund: Refund, receipt: Receipt, *, invoice: Invoice, actor: Principal, reason: str) -> None:
    reserve(refund, receipt)
    record(invoice=invoice, refund=refund, event=events.RefundCreated, actor=actor, reason=reason)
    db.after_commit(lambda: nudge("payments.submit_refund", refund.id))


def check_refundable(payment: Payment) -> int:
    """The minor units that can be refunded now. Raises ForbiddenTransition, PaymentDisputed, RefundTooLarge."""
    _, left = _refundable(payment)
    _check(payment, amount=None, currency=None, left=left)
    return left


def _refundable(payment: Payment) -> tuple[Receipt, int]:
    """The receipt of the payment that has most left of what it has paid, and how much that is.

    Money that has paid nothing is given back by disposing of its receipt.
    """
    applied = [receipt for receipt in payment.receipts.order_by("id") if receipt.amount_applied]
    if not applied and payment.status == PaymentStatus.SUCCEEDED:
        raise RefundTooLarge(**about_payment(payment, 0))
    if not applied:
        raise ForbiddenTransition(action="refund", resource="payment", status=payment.status, id=payment.id)
    return max(((receipt, _left(receipt)) for receipt in applied), key=lambda pair: pair[1])


def _left(receipt: Receipt) -> int:
    return max(0, receipt.amount_refundable - amount_lost(receipt))


def _check(payment: Payment, *, amount: int | None, currency: str | None, left: int) -> None:
    about = about_payment(payment, left)
    if currency not in (None, payment.currency):
        raise RefundCurrencyDiffers(errors=(_WRONG_CURRENCY,), **about)
    if amount is not None and amount < 1:
        raise RefundAmountInvalid(errors=(_NOT_POSITIVE,), **about)
    check_undisputed(payment, left=left)
    if not left or (amount is not None and amount > left):
        raise RefundTooLarge(**about)


def _inserted(refund: Refund) -> Refund:
    refund.save(force_insert=True)
    return refund
