"""A refund row and the amount it reserves on its receipt; nothing has been sent yet.

Receipts and refunds change only under their invoice's lock, so whoever holds it sees what is left and reserves from it.
"""

import datetime
from typing import Any

from django.conf import settings
from django.db.models import Sum

from config.api.idempotency import IdempotencyKey, key_fields
from config.api.principals import Principal
from config.kernel import clock, correlation
from config.kernel.errors import Conflict, Invalid
from invoices.models import Invoice
from outbox import services as outbox
from payments import events
from payments.models import Dispute, Payment, Receipt, Refund
from payments.services import receipts
from payments.states import REFUND_LIVE, DisputeStatus


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


def build(
    *, receipt: Receipt, amount: int, amount_unapplied: int = 0, reason: str, key: IdempotencyKey | None = None
) -> Refund:
    """A refund of `amount` out of `receipt`, of which `amount_unapplied` has paid nothing; not stored."""
    now = clock.now()
    return Refund(
        payment_id=receipt.payment_id,
        invoice_id=receipt.invoice_id,
        receipt=receipt,
        amount=amount,
        currency=receipt.currency,
        amount_unapplied=amount_unapplied,
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
    receipt.amount_unapplied -= refund.amount_unapplied
    receipts.save(receipt)


def record(
    *, invoice: Invoice, refund: Refund, event: type[events.RefundEvent], actor: Principal, reason: str = ""
) -> None:
    """Requires the invoice's lock. An event about `refund` in its invoice's log."""
    outbox.record(source=invoice, event=events.of_refund(event, refund), actor=actor, reason=reason)


def amount_lost(receipt: Receipt) -> int:
    """What lost disputes have taken for good, in minor units: it is not there to be given back."""
    lost = receipt.disputes.filter(status=DisputeStatus.LOST, reinstated_at=None)
    total: int = lost.aggregate(total=Sum("amount"))["total"] or 0
    return total


def check_undisputed(payment: Payment, *, left: int) -> None:
    """No dispute is open that would give back twice. Raises PaymentDisputed, which says that `left` would be left."""
    dispute = Dispute.objects.filter(payment=payment, status=DisputeStatus.OPEN).order_by("id").first()
    if dispute is not None:
        raise PaymentDisputed(dispute_id=dispute.id, **about_payment(payment, left))


def is_blocked(refund: Refund) -> bool:
    """A dispute has come since it was requested: open, or lost with the money that was to go back."""
    if Dispute.objects.filter(payment=refund.payment_id, status=DisputeStatus.OPEN).exists():
        return True
    receipt = Receipt.objects.get(id=refund.receipt_id)
    left: int = receipt.amount_refundable + receipt.amount_unapplied
    return amount_lost(receipt) > left


def may_be_ours(receipt: Receipt, *, amount: int) -> Refund | None:
    """A live refund of the same charge over `amount` that may be the provider's: its reference is not known yet."""
    unnamed = Refund.objects.filter(status__in=REFUND_LIVE, provider_reference__isnull=True, amount=amount)
    of_charge = unnamed.filter(invoice=receipt.invoice_id, charge_reference=receipt.charge_reference)
    return of_charge.order_by("id").first()


def about_payment(payment: Payment, left: int) -> dict[str, Any]:
    """What the errors about refunds tell: `left` minor units of the payment can be refunded."""
    return {"payment_id": payment.id, "amount_refundable": left, "currency": payment.currency}
