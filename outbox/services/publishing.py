"""Publishers: batches go out outside any transaction, then the cursor moves; a crash in between sends once more."""

import collections
import dataclasses
import logging
from collections.abc import Mapping, Sequence

from config.kernel import db
from outbox.models import HeldEvent
from outbox.services import held as held_events
from outbox.services import leases, reading
from outbox.services.leases import Lease
from outbox.services.run import Batch, Run, blames_event
from outbox.subscribers.base import PublishedEvent
from outbox.subscribers.registry import PublishingSubscriber

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class _Sent:
    """What became of a batch: ids that arrived, events to blame, and the first that nobody was there to take."""

    arrived: set[str] = dataclasses.field(default_factory=set)
    failures: dict[str, Exception] = dataclasses.field(default_factory=dict)
    stopped_at: PublishedEvent | None = None
    unreachable: Exception | None = None


def publish(*, run: Run, subscriber: PublishingSubscriber, batch: Batch[PublishedEvent]) -> None:
    """Send `batch`, hold what fails and what follows it, move the cursor. Raises LeaseLost."""
    blocked = held_events.blocked_aggregates(run=run, events=batch.events)
    sent = _send(run, subscriber, batch.events, blocked)
    through = batch.through if sent.stopped_at is None else sent.stopped_at.position - 1
    to_hold = [event for event in batch.events if event.position <= through and event.id not in sent.arrived]
    if through > run.lease.position:
        run.moved_to(_settle(lease=run.lease, position=through, to_hold=to_hold, failures=sent.failures))
    run.delivered += len(sent.arrived)
    run.held += len(to_hold)
    run.unreachable = sent.unreachable


def publish_held(*, lease: Lease, subscriber: PublishingSubscriber, held: HeldEvent) -> None:
    """Send a held event; staff may skip it meanwhile, which cannot take it back from who has received it."""
    subscriber.publisher.publish(reading.published(shard=held.shard, after=held.position - 1, limit=1))
    _settle_held(lease=lease, held=held)


def _send(run: Run, subscriber: PublishingSubscriber, events: Sequence[PublishedEvent], blocked: set[str]) -> _Sent:
    """Publish all at once; after a failure in halves, first half first, until the events to blame stand alone."""
    sent = _Sent()
    waiting = collections.deque([list(events)])
    while waiting:
        part = [event for event in waiting.popleft() if event.aggregate_id not in blocked]
        if not part:
            continue
        try:
            subscriber.publisher.publish(part)
            sent.arrived.update(event.id for event in part)
            continue
        except Exception as error:
            if not blames_event(error):
                sent.stopped_at, sent.unreachable = part[0], error
                return sent
            _divide(part, error, waiting, sent, blocked)
        leases.renew(lease=run.lease)
    return sent


def _divide(
    part: list[PublishedEvent],
    error: Exception,
    waiting: collections.deque[list[PublishedEvent]],
    sent: _Sent,
    blocked: set[str],
) -> None:
    if len(part) == 1:
        logger.error("event %s cannot be published, it is held", part[0].id, exc_info=error)
        sent.failures[part[0].id] = error
        blocked.add(part[0].aggregate_id)
        return
    half = len(part) // 2
    waiting.extendleft([part[half:], part[:half]])


def _settle(
    *, lease: Lease, position: int, to_hold: Sequence[PublishedEvent], failures: Mapping[str, Exception]
) -> Lease:
    if not to_hold:
        return leases.give_back(lease=lease, position=position)
    return _hold(lease=lease, position=position, events=to_hold, failures=failures)


@db.transaction(idempotent=True)
def _hold(*, lease: Lease, position: int, events: Sequence[PublishedEvent], failures: Mapping[str, Exception]) -> Lease:
    moved = leases.move(lease=lease, position=position, release=True)
    held_events.enqueue(lease=moved, events=events, failures=failures)
    return moved


@db.transaction(idempotent=True)
def _settle_held(*, lease: Lease, held: HeldEvent) -> None:
    leases.check(lease=lease)
    held_events.settle(held=held)
