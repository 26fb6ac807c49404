"""Somebody no longer wants a payment: it ends at once where nobody was asked for it, else the provider decides."""

from config.api.principals import Principal
from config.celery import nudge
from config.kernel import clock, db
from config.kernel.errors import ForbiddenTransition
from invoices.models import Invoice
from payments import events
from payments.models import Payment
from payments.providers import registry
from payments.services import outcomes
from payments.services.locks import PaymentNotFound, lock
from payments.services.recording import record_payment
from payments.states import AWAITED, PaymentStatus


@db.transaction(idempotent=True)
def cancel_payment(*, actor: Principal, payment_id: str, reason: str = "") -> Payment:
    """The payment, canceled; or still in flight, and the provider will be asked to cancel it. The invoice stays owed.

    Asked again it says the same, and nothing more happens. A charge that succeeds in spite of it is a success. Raises
    PaymentNotFound, UnknownProvider, and ForbiddenTransition once it has ended otherwise or is in review.
    """
    invoice, payment = lock(payment_id)
    if not actor.sees(invoice.customer_id):
        raise PaymentNotFound(id=payment_id)
    if payment.status == PaymentStatus.CANCELED:
        return payment
    check_cancelable(payment)
    if payment.status == PaymentStatus.CREATED or not registry.get(payment.provider).settles_itself:
        outcomes.cancel(invoice=invoice, payment=payment, actor=actor, reason=reason)
    elif payment.cancel_requested_at is None:
        _have_it_canceled(invoice=invoice, payment=payment, actor=actor, reason=reason)
    return payment


def check_cancelable(payment: Payment) -> None:
    """It has not ended, and no person has to look at it first. Raises ForbiddenTransition."""
    if payment.status not in AWAITED:
        raise ForbiddenTransition(action="cancel", resource="payment", status=payment.status, id=payment.id)


def _have_it_canceled(*, invoice: Invoice, payment: Payment, actor: Principal, reason: str) -> None:
    """The request lives on the row, and reconciliation makes it. What is just being sent is asked about once sent."""
    payment.cancel_requested_at = clock.now()
    payment.reconciliations = 0
    record_payment(invoice=invoice, payment=payment, event=events.PaymentCancelRequested, actor=actor, reason=reason)
    if payment.provider_reference or payment.status == PaymentStatus.UNKNOWN:
        payment.available_at = payment.cancel_requested_at
        db.after_commit(lambda: nudge("payments.reconcile", payment.id))
    payment.save()
