"""What happens to payments, in the log of the invoice."""

import datetime

from outbox.events import Event
from payments.models import Payment


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
