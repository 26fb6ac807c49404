"""Staff and operators have an event applied once more, from any state, any number of times."""

from config.api.principals import Principal
from config.kernel import clock, correlation, db
from config.kernel.errors import FieldError, Invalid, NotFound
from config.kernel.fields import by_id_or
from webhooks.inbound.models import Outcome, ProviderEvent, Replay
from webhooks.inbound.services import applying
from webhooks.inbound.services.applying import Verdict
from webhooks.inbound.states import WAITING, ProviderEventStatus

MAX_REASON_LENGTH = 500


class EventNotFound(NotFound):
    """There is no provider event {id}."""

    code = "provider_event_not_found"


class ReasonMissing(Invalid):
    """A replay needs a reason of 1 to 500 characters."""

    code = "reason_missing"


def replay(*, provider_event_id: str, actor: Principal, reason: str) -> Replay:
    """Apply the event again and log who wanted that and why. Raises EventNotFound and ReasonMissing.

    What has ended well stays so: a processed event that is stale by now remains processed, and a try that fails changes
    nothing but the log. What the event causes carries the correlation id it came with.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH:
        detail = "Say why, in at most 500 characters."
        raise ReasonMissing(errors=(FieldError("reason", ReasonMissing.code, detail),))
    try:
        return _replay(provider_event_id, actor, reason)
    except applying.POISON as error:
        verdict = applying.failure(event=provider_event_id, error=error)
        return _replay(provider_event_id, actor, reason, verdict)


@db.transaction(idempotent=False)
def _replay(provider_event_id: str, actor: Principal, reason: str, verdict: Verdict | None = None) -> Replay:
    """A `verdict` spares the try."""
    row = by_id_or(EventNotFound, ProviderEvent.objects.select_for_update(), provider_event_id)
    with correlation.bind(row.correlation_id, provider_event_id=row.id):
        verdict = verdict or applying.attempt(row)
    return _log(row, verdict, actor, reason)


def _log(row: ProviderEvent, verdict: Verdict, actor: Principal, reason: str) -> Replay:
    before = row.status
    if _changes(row, verdict):
        if before not in WAITING:
            row.reopen()
        applying.conclude(row, verdict)
    return Replay.objects.create(
        event=row,
        actor=actor.actor,
        reason=reason,
        status_before=before,
        status_after=row.status,
        outcome=verdict.outcome,
        error=verdict.error,
        correlation_id=correlation.current(),
        created_at=clock.now(),
    )


def _changes(row: ProviderEvent, verdict: Verdict) -> bool:
    if row.status == ProviderEventStatus.PROCESSED:
        return verdict.outcome == Outcome.APPLIED
    return row.status in WAITING or verdict.outcome not in (Outcome.FAILED, Outcome.MALFORMED)
