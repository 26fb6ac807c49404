"""What happens to payments and receipts, as subscribers read it. All of it is in the log of the invoice."""

from outbox.events import Event
from payments.models import Payment, Receipt


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


class ReceiptEvent(Event):
    """Money that arrived, as it was right after the event, in minor units of `currency`."""

    receipt: str
    payment: str
    invoice: str
    status: str
    amount: int
    currency: str
    provider: str
    provider_account: str
    provider_reference: str


class ReceiptCreated(ReceiptEvent):
    type = "receipt.created"


class ReceiptApplied(ReceiptEvent):
    type = "receipt.applied"


def of_payment(event: type[PaymentEvent], payment: Payment) -> PaymentEvent:
    """`event` about `payment` as it stands."""
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
    )


def of_receipt(event: type[ReceiptEvent], receipt: Receipt) -> ReceiptEvent:
    """`event` about `receipt` as it stands."""
    return event(
        receipt=receipt.id,
        payment=receipt.payment_id,
        invoice=receipt.invoice_id,
        status=receipt.status,
        amount=receipt.amount,
        currency=receipt.currency,
        provider=receipt.provider,
        provider_account=receipt.provider_account,
        provider_reference=receipt.provider_reference,
    )
