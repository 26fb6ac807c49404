"""Sending a refund to its provider: claim under the locks, call outside any transaction, record. As with payments."""

from config.api.principals import Principal, system
from config.kernel import clock, db
from outbox.states import advance
from payments import events
from payments.models import Refund
from payments.providers import registry
from payments.providers.base import Declined, Outcome, RefundRequest, Unknown
from payments.services.asking import account_changed, ask, lease_end, may_send
from payments.services.outcomes import EventResult
from payments.services.refunds import reserving
from payments.services.refunds.locks import correlated, lock_known_refund
from payments.services.refunds.outcomes import apply_refund_outcome
from payments.states import RefundStatus

ACTOR = system("payments.submit_refund")
DISPUTED = "payment_disputed"
"""The failure code of a refund that was not sent because a dispute came first."""


def submit_refund(*, refund_id: str, wait: bool = True) -> EventResult:
    """Have the provider give the money back, if nobody has asked it yet; STALE when somebody has. Safe to run twice.

    Without `wait` it is STALE too when somebody holds its locks. Raises RefundNotFound.
    """
    with correlated(refund_id) as known:
        refund = _claim(known, wait)
        if refund is None:
            return EventResult.STALE
        outcome = ask(lambda: _send_first(refund))
        return record_answer(refund=refund, outcome=outcome, actor=ACTOR)


@db.transaction(idempotent=False)
def _claim(known: Refund, wait: bool) -> Refund | None:
    """created → processing, committed before the provider hears of it. What was made at the provider is never sent.

    Not idempotent: after a commit whose outcome is unknown, the sweep finds the refund either way.
    """
    locked = lock_known_refund(known, wait=wait)
    if locked is None:
        return None
    invoice, _, refund = locked
    if refund.status != RefundStatus.CREATED or refund.provider_reference:
        return None
    refund.submitted_at = clock.wall()
    refund.available_at = lease_end(refund)
    advance(refund, "process")
    reserving.record(invoice=invoice, refund=refund, event=events.RefundProcessing, actor=ACTOR)
    refund.save()
    return refund


def _send_first(refund: Refund) -> Outcome:
    """Nothing has been sent: what a dispute has come between is refused, as the provider would."""
    if reserving.is_blocked(refund):
        return Declined(code=DISPUTED, retryable=False, message="the payment has come under dispute meanwhile")
    return send(refund)


def send(refund: Refund) -> Outcome:
    """The call itself, with the refund's id as the provider's idempotency key: never inside a transaction.

    Nothing is sent to another account than the money's, nor once the provider may have forgotten the key: either could
    give the money back a second time.
    """
    provider = registry.get(refund.provider)
    if provider.account != refund.provider_account:
        return account_changed(refund)
    if not may_send(refund, provider):
        return Unknown("it is too late to send this refund again safely")
    request = RefundRequest(
        refund_id=refund.id,
        provider_reference=refund.charge_reference,
        amount=refund.amount,
        currency=refund.currency,
    )
    return provider.refund(request)


@db.transaction(idempotent=True, looks_again=True)
def record_answer(*, refund: Refund, outcome: Outcome, actor: Principal, reason: str = "") -> EventResult:
    """Apply a provider's answer about `refund`, which may have moved since, through the step that webhooks use."""
    locked = lock_known_refund(refund)
    assert locked is not None, refund.id
    invoice, payment, current = locked
    return apply_refund_outcome(
        invoice=invoice, payment=payment, refund=current, outcome=outcome, actor=actor, reason=reason
    )
