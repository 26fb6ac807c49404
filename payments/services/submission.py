"""Sending a payment to its provider: claim under the locks, call outside any transaction, record."""

from config.api.principals import Principal, system
from config.kernel import clock, db
from outbox.states import advance
from payments import events
from payments.models import Payment
from payments.providers import registry
from payments.providers.base import ChargeRequest, Outcome, Unknown
from payments.services.asking import account_changed, ask, lease_end, may_send
from payments.services.locks import correlated, lock_both, lock_known
from payments.services.outcomes import EventResult, apply_outcome
from payments.services.recording import record_payment
from payments.states import PaymentStatus

ACTOR = system("payments.submit")


def submit(*, payment_id: str, wait: bool = True) -> EventResult:
    """Ask the provider for the money of a payment that nobody has sent yet; STALE when somebody has. Safe to run twice.

    Without `wait` it is STALE too when somebody holds its locks. Raises PaymentNotFound.
    """
    with correlated(payment_id) as known:
        payment = _claim(known, wait)
        if payment is None:
            return EventResult.STALE
        outcome = ask(lambda: charge(payment))
        return record(payment=payment, outcome=outcome, actor=ACTOR)


@db.transaction(idempotent=False)
def _claim(known: Payment, wait: bool) -> Payment | None:
    """created → processing, committed before the provider hears of it, so that a lost answer always has its row.

    Not idempotent: after a commit whose outcome is unknown, the sweep finds the payment either way.
    """
    locked = lock_known(known, wait=wait)
    if locked is None:
        return None
    invoice, payment = locked
    if payment.status != PaymentStatus.CREATED:
        return None
    payment.submitted_at = clock.wall()
    payment.available_at = lease_end(payment)
    advance(payment, "process")
    record_payment(invoice=invoice, payment=payment, event=events.PaymentProcessing, actor=ACTOR)
    payment.save()
    return payment


def charge(payment: Payment) -> Outcome:
    """The call itself, with the payment's id as the provider's idempotency key: never inside a transaction.

    Nothing is sent to another account than the payment's, nor once the provider may have forgotten the key: either
    could charge a second time.
    """
    provider = registry.get(payment.provider)
    if provider.account != payment.provider_account:
        return account_changed(payment)
    if not may_send(payment, provider):
        return Unknown("it is too late to send this payment again safely")
    request = ChargeRequest(
        payment_id=payment.id,
        amount=payment.amount,
        currency=payment.currency,
        payment_method=payment.payment_method,
    )
    return provider.charge(request)


@db.transaction(idempotent=True, looks_again=True)
def record(*, payment: Payment, outcome: Outcome, actor: Principal, reason: str = "") -> EventResult:
    """Apply a provider's answer about `payment`, which may have moved since, through the step that webhooks use.

    One capture may be told of two payments at once: who does not book it looks again, and finds it booked.
    """
    invoice, current = lock_both(payment)
    return apply_outcome(invoice=invoice, payment=current, outcome=outcome, actor=actor, reason=reason)
