"""Asking the provider how a refund ended when nobody has told us, and the sweep that finds such refunds.

As with payments, but for the end: a refund that nobody can tell about stays unknown, its money reserved, and is asked
about no more: it is in the staff's queue (unknown, without `available_at`).
"""

import datetime

from django.conf import settings

from config.api.principals import Principal, system
from config.kernel import clock, db
from config.kernel.errors import Conflict, ForbiddenTransition
from payments import events
from payments.models import Refund
from payments.providers import registry
from payments.providers.base import NotFound, Outcome, Unknown
from payments.services.asking import account_changed, ask
from payments.services.outcomes import EventResult
from payments.services.refunds import reserving
from payments.services.refunds.locks import correlated, find_refund, lock_known_refund
from payments.services.refunds.outcomes import give_up, lose
from payments.services.refunds.submission import record_answer, send, submit_refund
from payments.services.schedule import delay_after, is_due, is_exhausted, next_reconciliation
from payments.services.sweeping import take_up_each
from payments.states import REFUND_IN_FLIGHT, REFUND_LIVE, RefundStatus

ACTOR = system("payments.reconcile_refund")


class RefundSettledByHand(Conflict):
    """Refund {refund_id} is settled by hand: {provider} cannot be asked about it."""

    code = "nobody_to_ask"


def sweep_refunds(*, limit: int = 100, budget_seconds: float = 5.0) -> int:
    """Take up what is due: refunds no worker submitted, and refunds whose end nobody has reported.

    Stops after `budget_seconds` of real time; what somebody else has locked waits. Returns how many it came to.
    """
    due = Refund.objects.filter(status__in=REFUND_LIVE, available_at__lte=clock.now()).order_by("available_at", "id")
    statuses = dict(due.values_list("id", "status")[:limit])

    def take_up(refund_id: str) -> None:
        step = submit_refund if statuses[refund_id] == RefundStatus.CREATED else reconcile_refund
        step(refund_id=refund_id, wait=False)

    return take_up_each(statuses, take_up=take_up, put_off=_put_off, budget_seconds=budget_seconds)


@db.transaction(idempotent=False)
def _put_off(refund_id: str) -> None:
    """One refund that cannot be taken up must not stand in the way of the others.

    One that was never sent waits a little, as often as it takes. One in flight follows the schedule. One that is no
    longer due was claimed before it failed: its next try is set.
    """
    locked = lock_known_refund(find_refund(refund_id), wait=False)
    if locked is None or not is_due(locked[2]):
        return
    invoice, payment, refund = locked
    if refund.status == RefundStatus.CREATED:
        refund.available_at = clock.now() + datetime.timedelta(seconds=settings.SUBMIT_LEASE_SECONDS)
    elif is_exhausted(refund):
        give_up(invoice=invoice, payment=payment, refund=refund, actor=ACTOR, reason="it could not be taken up")
        return
    else:
        refund.available_at = clock.now() + delay_after(refund.reconciliations)
        refund.reconciliations += 1
    refund.save(update_fields=["reconciliations", "available_at"])


def reconcile_refund(*, refund_id: str, wait: bool = True) -> EventResult:
    """Ask the provider about a refund in flight that is due; send it again, same key, where that is safe.

    STALE when it is not due, has ended, cannot be asked about, or, without `wait`, is locked. Raises RefundNotFound.
    """
    with correlated(refund_id) as known:
        refund = _claim(known, wait)
        if refund is None:
            return EventResult.STALE
        outcome = ask(lambda: _inquire(refund))
        return record_answer(refund=refund, outcome=outcome, actor=ACTOR)


def reconcile_refund_now(*, actor: Principal, refund_id: str, reason: str = "") -> EventResult:
    """Staff has the provider asked at once; what it says is recorded as theirs. The schedule goes on as it was.

    STALE when nothing new is known, or the refund is being sent at this moment and the answer on its way. Raises
    RefundNotFound, ForbiddenTransition unless it is in flight, RefundSettledByHand.
    """
    with correlated(refund_id) as known:
        refund = _claim_by_hand(known, actor, reason)
        if refund is None:
            return EventResult.STALE
        outcome = ask(lambda: _inquire(refund))
        return record_answer(refund=refund, outcome=outcome, actor=actor, reason=reason)


def check_refund_reconcilable(refund: Refund) -> None:
    """The provider can be asked about it. Raises ForbiddenTransition, RefundSettledByHand."""
    if refund.status not in REFUND_IN_FLIGHT:
        raise ForbiddenTransition(action="reconcile", resource="refund", status=refund.status, id=refund.id)
    if not registry.get(refund.provider).settles_itself:
        raise RefundSettledByHand(refund_id=refund.id, provider=refund.provider)


@db.transaction(idempotent=False)
def _claim(known: Refund, wait: bool) -> Refund | None:
    """Count the try and set the next one, so that two sweeps do not ask twice. A silent submission becomes unknown."""
    locked = lock_known_refund(known, wait=wait)
    if locked is None:
        return None
    invoice, payment, refund = locked
    if refund.status not in REFUND_IN_FLIGHT or not is_due(refund) or not registry.get(refund.provider).settles_itself:
        return None
    if is_exhausted(refund):
        reason = "the provider could not tell how it ended"
        give_up(invoice=invoice, payment=payment, refund=refund, actor=ACTOR, reason=reason)
        return None
    if refund.status == RefundStatus.PROCESSING and not refund.provider_reference:
        lose(invoice=invoice, payment=payment, refund=refund, actor=ACTOR, reason="no answer has been recorded in time")
    refund.reconciliations += 1
    refund.available_at = next_reconciliation(refund)
    refund.save()
    return refund


@db.transaction(idempotent=True)
def _claim_by_hand(known: Refund, actor: Principal, reason: str) -> Refund | None:
    """Nothing is counted: asking often must not use the schedule up."""
    locked = lock_known_refund(known)
    assert locked is not None, known.id
    invoice, _, refund = locked
    check_refund_reconcilable(refund)
    is_being_sent = refund.status == RefundStatus.PROCESSING and not refund.provider_reference
    if is_being_sent and not is_due(refund):
        return None
    event = events.RefundReconcileRequested
    reserving.record(invoice=invoice, refund=refund, event=event, actor=actor, reason=reason)
    return refund


def _inquire(refund: Refund) -> Outcome:
    """What the provider knows. Not found is never failed: inside its idempotency window the same key is sent again.

    Not while a dispute takes the money back: the refund waits for that, or for a person.
    """
    provider = registry.get(refund.provider)
    if provider.account != refund.provider_account:
        return account_changed(refund)
    outcome = provider.retrieve_refund(refund_id=refund.id, provider_reference=refund.provider_reference or "")
    if not isinstance(outcome, NotFound):
        return outcome
    if not find_refund(refund.id).is_live:
        return Unknown("it has ended meanwhile")
    if reserving.is_blocked(refund):
        return Unknown("the provider does not know this refund, and its payment is or was under dispute")
    return send(refund)
