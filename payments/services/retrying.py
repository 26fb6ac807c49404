"""A declined payment is tried again by itself, as the invoice's policy says: a new payment, never the old one again."""

from config.api.principals import Principal
from config.kernel import clock, db
from invoices import services as invoices
from invoices.models import Invoice
from payments import events
from payments.models import Payment
from payments.providers import registry
from payments.services.recording import record_payment


def end_declined(*, invoice: Invoice, payment: Payment, actor: Principal, reason: str = "") -> None:
    """Requires both locks. `payment` was declined: the invoice is open and tried again later, or has failed.

    Nothing is tried by itself at a provider where a person settles, nor where somebody wanted the payment canceled; the
    invoice is just open then.
    """
    db.require_transaction()
    tries_itself = registry.get(payment.provider).settles_itself and payment.cancel_requested_at is None
    if not (payment.failure_retryable and tries_itself):
        invoices.end_payment(invoice=invoice, may_retry=bool(payment.failure_retryable), actor=actor, reason=reason)
        return
    delay = invoices.RetryPolicy.from_json(invoice.retry_policy).delay_after(invoice.attempts)
    if delay is None:
        invoices.end_payment(invoice=invoice, may_retry=False, actor=actor, reason="no try is left")
        return
    next_attempt_at = clock.now() + delay
    invoices.end_payment(invoice=invoice, may_retry=True, actor=actor, reason=reason, next_attempt_at=next_attempt_at)
    record_payment(
        invoice=invoice,
        payment=payment,
        event=events.PaymentRetryScheduled,
        actor=actor,
        reason=reason,
        next_attempt_at=next_attempt_at,
    )
