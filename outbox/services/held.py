"""Held events: one that a subscriber could not take blocks its aggregate for that subscriber, and nothing else.

Whoever changes an aggregate's line first locks the row of its cursor: the relay by moving it, staff by selecting it.
"""

import logging
from collections.abc import Mapping, Sequence

from django.conf import settings
from django.db.models import DateTimeField, Value

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, ForbiddenTransition, NotFound
from config.kernel.fields import by_id_or
from outbox.models import Cursor, HeldEvent, OutboxEvent, seconds_from_now
from outbox.services import leases, nudging
from outbox.services.leases import Lease
from outbox.services.run import Run
from outbox.states import HeldStatus
from outbox.subscribers.base import PublishedEvent

logger = logging.getLogger(__name__)

_ERROR_LENGTH = 2000


class HeldEventNotFound(NotFound):
    """There is no held event {id}."""

    code = "held_event_not_found"


class NotFirstInLine(Conflict):
    """Held event {id} waits behind {first} of the same aggregate; deal with that one first."""

    code = "not_first_in_line"


class ResolvedMeanwhile(Exception):
    """Staff skipped the event while it was being tried again."""


def blocked_aggregates(*, run: Run, events: Sequence[OutboxEvent | PublishedEvent]) -> set[str]:
    """Those of the aggregates of `events` whose later events must queue for the subscriber."""
    return _blocked(run.lease.subscriber, events) if run.has_held_events else set()


def _blocked(subscriber: str, events: Sequence[OutboxEvent | PublishedEvent]) -> set[str]:
    aggregate_ids = {event.aggregate_id for event in events}
    held = HeldEvent.objects.held().filter(subscriber=subscriber, aggregate_id__in=aggregate_ids)
    return set(held.values_list("aggregate_id", flat=True).distinct())


def enqueue(*, lease: Lease, events: Sequence[OutboxEvent | PublishedEvent], failures: Mapping[str, Exception]) -> None:
    """Requires a transaction in which `lease` has been moved: put `events`, by position, at the end of their lines.

    `failures` says which of them failed, by event id; the others only follow one that did. A line that staff has
    emptied meanwhile starts anew. A row left from before the cursor was moved back is replaced.
    """
    db.require_transaction()
    ids = [event.id for event in events]
    earlier = HeldEvent.objects.filter(subscriber=lease.subscriber, event__in=ids)
    earlier.exclude(status=HeldStatus.HELD).delete()
    queued = set(earlier.values_list("event_id", flat=True))
    blocked = _blocked(lease.subscriber, events)
    rows = []
    for event in events:
        if event.id not in queued:
            rows.append(_row(lease, event, failures.get(event.id), first=event.aggregate_id not in blocked))
            blocked.add(event.aggregate_id)
    HeldEvent.objects.bulk_create(rows)


@db.transaction(idempotent=True)
def hold(*, lease: Lease, event: OutboxEvent, error: Exception | None) -> Lease:
    """Move past `event` and hold it, failed with `error` or queued behind one that did. Raises LeaseLost."""
    moved = leases.move(lease=lease, position=event.position or 0, release=False)
    enqueue(lease=lease, events=[event], failures={} if error is None else {event.pk: error})
    return moved


def settle(*, held: HeldEvent) -> None:
    """Requires a transaction with the cursor locked: `held` was delivered; the next in its line is due now.

    Raises ResolvedMeanwhile when staff skipped it.
    """
    db.require_transaction()
    row = HeldEvent.objects.select_for_update().get(pk=held.pk)
    if row.status != HeldStatus.HELD:
        raise ResolvedMeanwhile(row.pk)
    row.attempts += 1
    row.deliver()
    _resolve(row)


@db.transaction(idempotent=True)
def fail_again(*, lease: Lease, held: HeldEvent, error: Exception) -> None:
    """Note another failed try; the last one hands the event to staff. Raises LeaseLost."""
    leases.check(lease=lease)
    row = HeldEvent.objects.select_for_update().get(pk=held.pk)
    if row.status != HeldStatus.HELD or row.attempts != held.attempts:
        return
    row.attempts += 1
    row.error = _describe(error)
    _schedule(row)
    row.save()


@db.transaction(idempotent=True)
def requeue_held(*, held_id: str, actor: Principal, reason: str) -> HeldEvent:
    """Staff: try a held event again now, with all its tries before it.

    Raises HeldEventNotFound, NotFirstInLine for one that waits behind another, ForbiddenTransition for a resolved one.
    """
    row = _lock(held_id, action="requeue")
    first = HeldEvent.objects.line(subscriber=row.subscriber, aggregate_id=row.aggregate_id).first()
    if first is not None and first.pk != row.pk:
        raise NotFirstInLine(id=row.pk, first=first.pk)
    row.attempts = 0
    row.given_up_at = None
    row.available_at = seconds_from_now(0)
    _sign(row, actor, reason)
    row.save()
    nudging.nudge_after_commit()
    return HeldEvent.objects.get(pk=row.pk)


@db.transaction(idempotent=False)
def skip_held(*, held_id: str, actor: Principal, reason: str) -> HeldEvent:
    """Staff: this subscriber will never get the event; the next in line is due now.

    Raises HeldEventNotFound, ForbiddenTransition for a resolved one.
    """
    row = _lock(held_id, action="skip")
    row.skip()
    _sign(row, actor, reason)
    _resolve(row)
    nudging.nudge_after_commit()
    return row


def _lock(held_id: str, *, action: str) -> HeldEvent:
    found = by_id_or(HeldEventNotFound, HeldEvent.objects, held_id)
    Cursor.objects.select_for_update().get(subscriber=found.subscriber, shard=found.shard)
    row = HeldEvent.objects.select_for_update().get(pk=found.pk)
    if row.status != HeldStatus.HELD:
        raise ForbiddenTransition(action=action, resource="held event", status=row.status, id=row.pk)
    return row


def _sign(row: HeldEvent, actor: Principal, reason: str) -> None:
    row.actor, row.reason = actor.actor, reason
    logger.info("held event %s of %s: %s by %s: %s", row.event_id, row.subscriber, row.status, actor.actor, reason)


def _resolve(row: HeldEvent) -> None:
    row.available_at = row.given_up_at = None
    row.resolved_at = clock.now()
    row.save()
    following = HeldEvent.objects.line(subscriber=row.subscriber, aggregate_id=row.aggregate_id).first()
    if following is not None and following.available_at is None and following.given_up_at is None:
        following.available_at = seconds_from_now(0)
        following.save(update_fields=["available_at"])


def _row(lease: Lease, event: OutboxEvent | PublishedEvent, error: Exception | None, *, first: bool) -> HeldEvent:
    row = HeldEvent(
        subscriber=lease.subscriber,
        event_id=event.id,
        aggregate_id=event.aggregate_id,
        sequence=event.sequence,
        shard=event.shard,
        position=event.position or 0,
        held_at=clock.now(),
        available_at=seconds_from_now(0) if first else Value(None, DateTimeField()),
    )
    if error is not None:
        row.attempts = 1
        row.error = _describe(error)
        _schedule(row)
    return row


def _schedule(row: HeldEvent) -> None:
    if row.attempts < settings.OUTBOX_HELD_ATTEMPTS:
        row.available_at = seconds_from_now(leases.backoff_seconds(failures=row.attempts))
        return
    row.available_at = None
    row.given_up_at = clock.now()
    logger.error("%s gives event %s up after %d tries: %s", row.subscriber, row.event_id, row.attempts, row.error)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
