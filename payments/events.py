"""What happens to payments, receipts, refunds and disputes, as subscribers read it, in the log of the invoice.

What happens to payment methods is in the log of their customer.
"""

import datetime

from outbox.events import Event
from payments.models import Dispute, Payment, PaymentMethod, Receipt, Refund


class PaymentEvent(Event):
    """A payment, as it was right after the event. The amount is in minor units of `currency`."""

    payment: str
    invoice: str
    status: str
    attempt: int
    amount: int
    currency: str
    provider: str
    provider_account: str
    provider_reference: str
    failure_code: str
    failure_retryable: bool | None


class PaymentRequested(PaymentEvent):
    type = "payment.requested"


class PaymentProcessing(PaymentEvent):
    type = "payment.processing"


class PaymentSubmitted(PaymentEvent):
    """The provider's reference became known; not a change of state."""

    type = "payment.submitted"


class PaymentUnknown(PaymentEvent):
    type = "payment.unknown"


class PaymentSucceeded(PaymentEvent):
    type = "payment.succeeded"


class PaymentFailed(PaymentEvent):
    type = "payment.failed"


class PaymentCanceled(PaymentEvent):
    type = "payment.canceled"


class PaymentReviewRequired(PaymentEvent):
    type = "payment.review_required"


class PaymentRefunded(PaymentEvent):
    """All of its money has gone back."""

    type = "payment.refunded"


class PaymentCancelRequested(PaymentEvent):
    """The provider is asked to cancel it, and decides; not a change of state."""

    type = "payment.cancel_requested"


class PaymentReconcileRequested(PaymentEvent):
    """Staff has the provider asked about it at once; not a change of state."""

    type = "payment.reconcile_requested"


class PaymentRetryScheduled(PaymentEvent):
    """The next attempt at the invoice is made at `next_attempt_at` unless something happens before. Not a state."""

    type = "payment.retry_scheduled"

    next_attempt_at: datetime.datetime


class PaymentRetryStopped(PaymentEvent):
    """The next attempt that was scheduled after it is not made, for the reason given. Not a change of state."""

    type = "payment.retry_stopped"


class ReceiptEvent(Event):
    """Money that arrived, as it was right after the event, in minor units of `currency`."""

    receipt: str
    payment: str
    invoice: str
    status: str
    amount: int
    amount_applied: int
    amount_unapplied: int
    amount_refunding: int
    amount_refunded: int
    currency: str
    provider: str
    provider_account: str
    provider_reference: str


class ReceiptCreated(ReceiptEvent):
    type = "receipt.created"


class ReceiptApplied(ReceiptEvent):
    type = "receipt.applied"


class ReceiptRefunding(ReceiptEvent):
    type = "receipt.refunding"


class ReceiptRefunded(ReceiptEvent):
    type = "receipt.refunded"


class ReceiptRefundFailed(ReceiptEvent):
    """It is unapplied again."""

    type = "receipt.refund_failed"


class RefundEvent(Event):
    """A refund, as it was right after the event, in minor units of `currency`."""

    refund: str
    receipt: str
    payment: str
    invoice: str
    status: str
    amount: int
    currency: str
    amount_unapplied: int
    provider: str
    provider_account: str
    provider_reference: str | None
    failure_code: str


class RefundCreated(RefundEvent):
    type = "refund.created"


class RefundProcessing(RefundEvent):
    type = "refund.processing"


class RefundUnknown(RefundEvent):
    type = "refund.unknown"


class RefundSucceeded(RefundEvent):
    type = "refund.succeeded"


class RefundFailed(RefundEvent):
    type = "refund.failed"


class RefundReconcileRequested(RefundEvent):
    """Staff has the provider asked about it at once; not a change of state."""

    type = "refund.reconcile_requested"


class RefundReturned(RefundEvent):
    """It had succeeded, and its money came back: there is a receipt for it. Not a change of state."""

    type = "refund.returned"


class DisputeEvent(Event):
    """A dispute, as it was right after the event, in minor units of `currency`."""

    dispute: str
    receipt: str
    payment: str
    invoice: str
    status: str
    amount: int
    currency: str
    reason: str
    provider: str
    provider_account: str
    provider_reference: str
    evidence_due_at: datetime.datetime | None


class DisputeOpened(DisputeEvent):
    type = "dispute.opened"


class DisputeWon(DisputeEvent):
    type = "dispute.won"


class DisputeLost(DisputeEvent):
    type = "dispute.lost"


class DisputeReinstated(DisputeEvent):
    """It had been lost, and the provider has given the money back all the same; not a change of state."""

    type = "dispute.reinstated"


class PaymentMethodEvent(Event):
    """A customer's payment method, as it was right after the event. The token is not told."""

    payment_method: str
    customer: str
    provider: str
    provider_account: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


class PaymentMethodAttached(PaymentMethodEvent):
    type = "payment_method.attached"


class PaymentMethodDetached(PaymentMethodEvent):
    """Nothing new is paid with it."""

    type = "payment_method.detached"


class PaymentMethodExpiring(PaymentMethodEvent):
    """It is valid until the end of `exp_month`, which is near. Told once."""

    type = "payment_method.expiring"


class PaymentMethodDefaultChanged(Event):
    """What the customer's invoices are paid with where nothing else is said; null when the default was detached."""

    type = "payment_method.default_changed"

    customer: str
    payment_method: str | None
    previous: str | None


def of_payment(event: type[PaymentEvent], payment: Payment, **more: datetime.datetime) -> PaymentEvent:
    """`event` about `payment` as it stands, with what else that event tells."""
    return event(
        payment=payment.id,
        invoice=payment.invoice_id,
        status=payment.status,
        attempt=payment.attempt,
        amount=payment.amount,
        currency=payment.currency,
        provider=payment.provider,
        provider_account=payment.provider_account,
        provider_reference=payment.provider_reference,
        failure_code=payment.failure_code,
        failure_retryable=payment.failure_retryable,
        **more,
    )


def of_receipt(event: type[ReceiptEvent], receipt: Receipt) -> ReceiptEvent:
    """`event` about `receipt` as it stands."""
    return event(
        receipt=receipt.id,
        payment=receipt.payment_id,
        invoice=receipt.invoice_id,
        status=receipt.status,
        amount=receipt.amount,
        amount_applied=receipt.amount_applied,
        amount_unapplied=receipt.amount_unapplied,
        amount_refunding=receipt.amount_refunding,
        amount_refunded=receipt.amount_refunded,
        currency=receipt.currency,
        provider=receipt.provider,
        provider_account=receipt.provider_account,
        provider_reference=receipt.provider_reference,
    )


def of_refund(event: type[RefundEvent], refund: Refund) -> RefundEvent:
    """`event` about `refund` as it stands."""
    return event(
        refund=refund.id,
        receipt=refund.receipt_id,
        payment=refund.payment_id,
        invoice=refund.invoice_id,
        status=refund.status,
        amount=refund.amount,
        currency=refund.currency,
        amount_unapplied=refund.amount_unapplied,
        provider=refund.provider,
        provider_account=refund.provider_account,
        provider_reference=refund.provider_reference,
        failure_code=refund.failure_code,
    )


def of_dispute(event: type[DisputeEvent], dispute: Dispute) -> DisputeEvent:
    """`event` about `dispute` as it stands."""
    return event(
        dispute=dispute.id,
        receipt=dispute.receipt_id,
        payment=dispute.payment_id,
        invoice=dispute.invoice_id,
        status=dispute.status,
        amount=dispute.amount,
        currency=dispute.currency,
        reason=dispute.reason,
        provider=dispute.provider,
        provider_account=dispute.provider_account,
        provider_reference=dispute.provider_reference,
        evidence_due_at=dispute.evidence_due_at,
    )


def of_method(event: type[PaymentMethodEvent], method: PaymentMethod) -> PaymentMethodEvent:
    """`event` about `method` as it stands."""
    return event(
        payment_method=method.id,
        customer=method.customer_id,
        provider=method.provider,
        provider_account=method.provider_account,
        brand=method.brand,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        is_default=method.is_default,
    )
