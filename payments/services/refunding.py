"""Money goes back: a refund row is created and its amount reserved on the receipt; nothing has been sent yet.

Receipts and refunds change only under their invoice's lock, so whoever holds it sees what is left and reserves from it.
"""

import datetime
from typing import Any

from django.conf import settings
from django.db.models import Sum

from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay, insert_once, key_fields
from config.api.principals import Principal
from config.celery import nudge
from config.kernel import clock, correlation, db
from config.kernel.errors import Conflict, FieldError, ForbiddenTransition, Invalid
from invoices.models import Invoice
from outbox import services as outbox
from payments import events
from payments.models import Dispute, Payment, Receipt, Refund
from payments.services import receipts
from payments.services.locks import lock
from payments.states import DisputeStatus, PaymentStatus, ReceiptStatus


class RefundTooLarge(Conflict):
    """Of payment {payment_id} {amount_refundable} {currency} (minor units) are left to refund."""

    code = "refund_too_large"


class RefundAmountInvalid(Invalid):
    """A refund is over at least 1; of payment {payment_id} {amount_refundable} {currency} (minor units) are left."""

    code = "refund_amount_invalid"


class RefundCurrencyDiffers(Invalid):
    """Payment {payment_id} is in {currency}, of which {amount_refundable} (minor units) are left to refund."""

    code = "refund_currency_differs"


class PaymentDisputed(Conflict):
    """Payment {payment_id} is under the dispute {dispute_id}; until it is closed nothing can be refunded.

    {amount_refundable} {currency} (minor units) would be left.
    """

    code = "payment_disputed"


_NOT_POSITIVE = FieldError("amount", "not_positive", "Send at least 1, in minor units.")
_WRONG_CURRENCY = FieldError("currency", RefundCurrencyDiffers.code, "Send the payment's currency, or leave it out.")


def request_refund(
    *,
    actor: Principal,
    payment_id: str,
    key: IdempotencyKey | None,
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


@db.transaction(idempotent=lambda *, key, **_: key is not None)
def _request(
    *,
    actor: Principal,
    payment_id: str,
    key: IdempotencyKey | None,
    amount: int | None,
    currency: str | None,
    reason: str,
) -> Created[Refund]:
    invoice, payment = lock(payment_id)
    if earlier := find_replay(Refund, key):
        return earlier
    receipt, left = _refundable(payment)
    _check(payment, amount=amount, currency=currency, left=left)
    refund = build(
        receipt=receipt, amount=left if amount is None else amount, of_unapplied=False, reason=reason, key=key
    )
    created = insert_once(Refund, key, lambda: _inserted(refund))
    if created.is_new:
        reserve(refund, receipt)
        record(invoice=invoice, refund=refund, event=events.RefundCreated, actor=actor, reason=reason)
        db.after_commit(lambda: nudge("payments.submit_refund", refund.id))
    return created


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
        raise RefundTooLarge(**_about_payment(payment, 0))
    if not applied:
        raise ForbiddenTransition(action="refund", resource="payment", status=payment.status, id=payment.id)
    return max(((receipt, _left(receipt)) for receipt in applied), key=lambda pair: pair[1])


def _left(receipt: Receipt) -> int:
    return max(0, receipt.amount_refundable - amount_lost(receipt))


def amount_lost(receipt: Receipt) -> int:
    """What lost disputes have taken for good, in minor units: it is not there to be given back."""
    lost = receipt.disputes.filter(status=DisputeStatus.LOST, reinstated_at=None)
    total: int = lost.aggregate(total=Sum("amount"))["total"] or 0
    return total


def _check(payment: Payment, *, amount: int | None, currency: str | None, left: int) -> None:
    about = _about_payment(payment, left)
    if currency not in (None, payment.currency):
        raise RefundCurrencyDiffers(errors=(_WRONG_CURRENCY,), **about)
    if amount is not None and amount < 1:
        raise RefundAmountInvalid(errors=(_NOT_POSITIVE,), **about)
    check_undisputed(payment, left=left)
    if not left or (amount is not None and amount > left):
        raise RefundTooLarge(**about)


def check_undisputed(payment: Payment, *, left: int) -> None:
    """No dispute is open that would give back twice. Raises PaymentDisputed, which says that `left` would be left."""
    dispute = Dispute.objects.filter(payment=payment, status=DisputeStatus.OPEN).order_by("id").first()
    if dispute is not None:
        raise PaymentDisputed(dispute_id=dispute.id, **_about_payment(payment, left))


def is_blocked(refund: Refund) -> bool:
    """A dispute has come since it was requested: open, or lost with the money that was to go back."""
    if Dispute.objects.filter(payment=refund.payment_id, status=DisputeStatus.OPEN).exists():
        return True
    receipt = Receipt.objects.get(id=refund.receipt_id)
    left: int = receipt.amount_refundable + receipt.amount_unapplied
    return amount_lost(receipt) > left


def _about_payment(payment: Payment, left: int) -> dict[str, Any]:
    return {"payment_id": payment.id, "amount_refundable": left, "currency": payment.currency}


def give_back(*, invoice: Invoice, receipt: Receipt, actor: Principal, reason: str) -> Refund:
    """Requires the invoice's lock. All that the receipt has unapplied goes back to where it came from."""
    db.require_transaction()
    refund = build(receipt=receipt, amount=receipt.amount_unapplied, of_unapplied=True, reason=reason)
    reserve(refund, receipt)
    db.insert_before_commit(refund)
    record(invoice=invoice, refund=refund, event=events.RefundCreated, actor=actor, reason=reason)
    if receipt.status == ReceiptStatus.UNAPPLIED:
        _leave(invoice=invoice, receipt=receipt, actor=actor, reason=reason)
    db.after_commit(lambda: nudge("payments.submit_refund", refund.id))
    return refund


def _leave(*, invoice: Invoice, receipt: Receipt, actor: Principal, reason: str) -> None:
    """All that it has unapplied is on its way back."""
    receipts.move(
        invoice=invoice,
        receipt=receipt,
        action="give_back",
        event=events.ReceiptRefunding,
        actor=actor,
        reason=reason,
    )


def give_back_surplus(*, invoice: Invoice, actor: Principal, reason: str, spared: Payment | None = None) -> None:
    """Requires the invoice's lock. Nothing is due any more: whatever has come for the invoice and paid nothing goes.

    Left to a person is what is or was under dispute, and the money of `spared`.
    """
    disputed = Dispute.objects.filter(invoice=invoice, status__in=[DisputeStatus.OPEN, DisputeStatus.LOST])
    kept = set(disputed.values_list("receipt_id", flat=True))
    for receipt in list(receipts.held_for(invoice)):
        if receipt.id not in kept and receipt.payment_id != (spared and spared.id):
            give_back(invoice=invoice, receipt=receipt, actor=actor, reason=reason)


def adopt(
    *,
    invoice: Invoice,
    receipt: Receipt,
    amount: int,
    currency: str,
    reference: str,
    actor: Principal,
    reason: str,
    moves_nothing: bool = False,
) -> Refund:
    """Requires the invoice's lock. The row of a refund of the charge of `receipt` that was made at the provider.

    Its amount is reserved: of what has paid the invoice before what has paid nothing, of the charge's own receipt
    before what had come back of earlier refunds. Raises RefundTooLarge and RefundCurrencyDiffers while it does not fit
    what we know: the event is tried again, for a refund of ours may be about to fail. One that is known to have failed
    `moves_nothing`, so it needs nothing left and reserves nothing.
    """
    db.require_transaction()
    if currency != receipt.currency:
        raise RefundCurrencyDiffers(**_about(receipt))
    source, of_unapplied = (receipt, False) if moves_nothing else _source_of(receipt, amount)
    refund = build(receipt=source, amount=amount, of_unapplied=of_unapplied, reason=reason)
    refund.provider_reference = reference
    refund.save(force_insert=True)
    record(invoice=invoice, refund=refund, event=events.RefundCreated, actor=actor, reason=reason)
    if moves_nothing:
        refund.holds_nothing = True
        return refund
    reserve(refund, source)
    if source.status == ReceiptStatus.UNAPPLIED and not source.amount_unapplied:
        _leave(invoice=invoice, receipt=source, actor=actor, reason=reason)
    return refund


def _source_of(receipt: Receipt, amount: int) -> tuple[Receipt, bool]:
    """The receipt that has `amount` left, and whether it has it unapplied. Raises RefundTooLarge."""
    returned = Receipt.objects.filter(
        invoice=receipt.invoice_id, returned_refund__charge_reference=receipt.charge_reference
    )
    for source in (receipt, *returned.exclude(id=receipt.id).order_by("id")):
        if 1 <= amount <= source.amount_refundable:
            return source, False
        if 1 <= amount <= source.amount_unapplied:
            return source, True
    raise RefundTooLarge(**_about(receipt))


def _about(receipt: Receipt) -> dict[str, Any]:
    return {
        "payment_id": receipt.payment_id,
        "amount_refundable": receipt.amount_refundable,
        "currency": receipt.currency,
    }


def build(
    *, receipt: Receipt, amount: int, of_unapplied: bool, reason: str, key: IdempotencyKey | None = None
) -> Refund:
    """A refund of `amount` out of `receipt`, not stored."""
    now = clock.now()
    return Refund(
        payment_id=receipt.payment_id,
        invoice_id=receipt.invoice_id,
        receipt=receipt,
        amount=amount,
        currency=receipt.currency,
        of_unapplied=of_unapplied,
        reason=reason,
        provider=receipt.provider,
        provider_account=receipt.provider_account,
        charge_reference=receipt.charge_reference,
        correlation_id=correlation.current(),
        created_at=now,
        available_at=now + datetime.timedelta(seconds=settings.SUBMIT_GRACE_SECONDS),
        **key_fields(key),
    )


def reserve(refund: Refund, receipt: Receipt) -> None:
    """Nobody else can refund it now."""
    receipt.amount_refunding += refund.amount
    if refund.of_unapplied:
        receipt.amount_unapplied -= refund.amount
    receipts.save(receipt)


def _inserted(refund: Refund) -> Refund:
    refund.save(force_insert=True)
    return refund


def record(
    *, invoice: Invoice, refund: Refund, event: type[events.RefundEvent], actor: Principal, reason: str = ""
) -> None:
    """Requires the invoice's lock. An event about `refund` in its invoice's log."""
    outbox.record(source=invoice, event=events.of_refund(event, refund), actor=actor, reason=reason)
