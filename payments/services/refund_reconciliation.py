"""Asking the provider how a refund ended when nobody has told us, and the sweep that finds such refunds.

As with payments, but for the end: a refund that nobody can tell about stays unknown, its money reserved, and is asked
about no more: it is in the staff's queue (unknown, without `available_at`).
"""

import datetime
import logging
import time

from django.conf import settings

from config.api.principals import Principal, system
from config.kernel import clock, db
from config.kernel.errors import Conflict, ForbiddenTransition
from payments import events
from payments.models import Refund
from payments.providers import registry
from payments.providers.base import NotFound, Outcome, Unknown
from payments.services import refunding
from payments.services.asking import account_changed, ask
from payments.services.outcomes import EventResult
from payments.services.refund_locks import correlated, find_refund, lock_known_refund
from payments.services.refund_outcomes import give_up, lose
from payments.services.refund_submission import record_answer, send, submit_refund
from payments.services.schedule import delay_after, next_reconciliation
from payments.states import LIVE_REFUND, REFUND_IN_FLIGHT, RefundStatus

logger = logging.getLogger(__name__)

ACTOR = system("payments.reconcile_refund")


class RefundSettledByHand(Conflict):
    """Refund {refund_id} is settled by hand: {provider} cannot be asked about it."""

    code = "nobody_to_ask"


def sweep_refunds(*, limit: int = 100, budget_seconds: float = 5.0) -> int:
    """Take up what is due: refunds no worker submitted, and refunds whose end nobody has reported.

    Stops after `budget_seconds` of real time so that a hanging provider does not pile sweeps up, and passes over what
    somebody else has locked. Returns how many it came to.
    """
    deadline = time.monotonic() + budget_seconds
    due = list(
        Refund.objects.filter(status__in=LIVE_REFUND, available_at__lte=clock.now())
        .order_by("available_at", "id")
        .values_list("id", "status")[:limit]
    )
    for taken, (refund_id, status) in enumerate(due):
        if time.monotonic() > deadline:
            return taken
        try:
            take_up = submit_refund if status == RefundStatus.CREATED else reconcile_refund
            take_up(refund_id=refund_id, wait=False)
        except Exception:
            logger.exception("refund %s could not be taken up and is put off", refund_id)
            _put_off(refund_id)
    return len(due)


@db.transaction(idempotent=False)
def _put_off(refund_id: str) -> None:
    """One refund that cannot be taken up must not stand in the way of the others.

    One that was never sent waits a little, as often as it takes. One in flight follows the schedule. One that is no
    longer due was claimed before it failed: its next try is set.
    """
    locked = lock_known_refund(find_refund(refund_id), wait=False)
    if locked is None or not _is_due(locked[2]):
        return
    invoice, payment, refund = locked
    if refund.status == RefundStatus.CREATED:
        refund.available_at = clock.now() + datetime.timedelta(seconds=settings.SUBMIT_LEASE_SECONDS)
    elif _is_exhausted(refund):
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
    if refund.status not in REFUND_IN_FLIGHT or not _is_due(refund) or not registry.get(refund.provider).settles_itself:
        return None
    if _is_exhausted(refund):
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
    if is_being_sent and not _is_due(refund):
        return None
    event = events.RefundReconcileRequested
    refunding.record(invoice=invoice, refund=refund, event=event, actor=actor, reason=reason)
    return refund


def _is_due(refund: Refund) -> bool:
    return refund.available_at is not None and refund.available_at <= clock.now()


def _is_exhausted(refund: Refund) -> bool:
    return refund.reconciliations >= len(settings.RECONCILE_SCHEDULE_SECONDS)


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
    if refunding.is_blocked(refund):
        return Unknown("the provider does not know this refund, and its payment is or was under dispute")
    return send(refund)
