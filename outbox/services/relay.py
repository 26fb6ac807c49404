"""The relay: one pass numbers and delivers a batch of every shard that has work and that nobody else has leased."""

import dataclasses
import logging
import math
import random
import time
from collections.abc import Collection

from django.conf import settings

from config.kernel.errors import Unavailable
from config.kernel.prepared import Select
from outbox.models import Cursor
from outbox.services import delivery, leases, sequencing
from outbox.services.leases import Lease, LeaseLost
from outbox.services.run import Run, Stop
from outbox.services.sequencing import LogCorrupted
from outbox.subscribers import registry
from outbox.subscribers.registry import Subscriber

logger = logging.getLogger(__name__)

REST_FACTOR = 4
MAX_REST_SECONDS = 1.0
"""How long to gather events after a pass that was not behind: so many times as long as the pass took, at most this."""

_unsequenced = Select(Cursor.objects.claimable().with_unsequenced_events())
_undelivered = Select(Cursor.objects.claimable().with_undelivered_events())
_failing = Select(Cursor.objects.filter(failures__gt=0))

ServedAt = dict[int, float]
"""When a relay served which cursor latest, by its id: monotonic seconds."""

PATIENCE_SECONDS = 1.0
"""A subscriber that has taken longer than this leaves its other shards to the next pass: the others wait no longer."""


@dataclasses.dataclass
class Progress:
    """How many events were numbered, delivered, newly held; how often a shard backed off or a lease was lost.

    `moved` counts positions that cursors passed, events of no interest included; `full_batches` those that left more
    behind them, as far as one can tell.
    """

    sequenced: int = 0
    delivered: int = 0
    held: int = 0
    moved: int = 0
    backed_off: int = 0
    leases_lost: int = 0
    full_batches: int = 0

    @property
    def did_something(self) -> bool:
        """Whether another pass may find more to do."""
        return bool(self.sequenced or self.delivered or self.moved)

    def __iadd__(self, other: "Progress") -> "Progress":
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


def never() -> bool:
    """A `stop` that lets a pass end by itself."""
    return False


def relay_once(
    *,
    stop: Stop = never,
    batch_size: int | None = None,
    only: Collection[str] | None = None,
    served_at: ServedAt | None = None,
) -> Progress:
    """One pass: at most one batch per shard and subscriber, so that several relays share and a backlog stays fair.

    `only` names the subscribers to serve (default: all). With the `served_at` of the passes before, what one of them
    had no time for comes first. `stop` is asked between batches, and between the events of a consumer. Database errors
    other than deadlocks come out; what was leased then is free again after its lease.
    """
    size = batch_size or settings.OUTBOX_BATCH_SIZE
    subscribers = registry.configured()
    leases.create_missing_cursors(subscribers=subscribers.values())
    progress = Progress()
    _sequence_all(progress, size, stop)
    names = [name for name in subscribers if only is None or name in only]
    _deliver_all(
        progress, {name: subscribers[name] for name in names}, size, stop, {} if served_at is None else served_at
    )
    return progress


def relay_for(*, seconds: float) -> Progress:
    """Passes until nothing is left to do now, or `seconds` are over; with rests between them while events come in."""
    deadline = time.monotonic() + seconds
    total, served_at = Progress(), ServedAt()
    while True:
        started = time.monotonic()
        progress = relay_once(stop=lambda: time.monotonic() >= deadline, served_at=served_at)
        total += progress
        rest_seconds = rest_after(progress, pass_seconds=time.monotonic() - started)
        if not progress.did_something or time.monotonic() + rest_seconds >= deadline:
            return total
        time.sleep(rest_seconds)


def rest_after(progress: Progress, *, pass_seconds: float) -> float:
    """Seconds to gather events before the next pass. None while there is a backlog.

    A pass costs as much for one event of a shard as for hundreds: without rests, a relay under steady load would keep a
    processor and the database busy with batches of one.
    """
    return 0 if progress.full_batches else min(pass_seconds * REST_FACTOR, MAX_REST_SECONDS)


def drain(*, stop: Stop = never, batch_size: int | None = None, only: Collection[str] | None = None) -> Progress:
    """Passes until nothing is left to do now, or `stop`; what backs off or another relay has leased stays."""
    total, served_at = Progress(), ServedAt()
    while True:
        progress = relay_once(stop=stop, batch_size=batch_size, only=only, served_at=served_at)
        total += progress
        if stop() or not progress.did_something:
            return total


def _sequence_all(progress: Progress, batch_size: int, stop: Stop) -> None:
    cursors = _unsequenced.all()
    random.shuffle(cursors)
    for cursor in cursors:
        if stop():
            return
        lease = leases.claim(cursor=cursor)
        if lease is not None:
            _sequence_one(lease, progress, batch_size)


def _sequence_one(lease: Lease, progress: Progress, batch_size: int) -> None:
    try:
        sequenced = sequencing.sequence(lease=lease, batch_size=batch_size)
        progress += Progress(sequenced=sequenced, full_batches=int(sequenced >= batch_size))
    except LeaseLost:
        _note_lost(lease, progress)
    except (LogCorrupted, Unavailable):
        logger.exception("shard %d cannot be numbered", lease.shard)
        _back_off(lease, progress)


def _deliver_all(
    progress: Progress, subscribers: dict[str, Subscriber], batch_size: int, stop: Stop, served_at: ServedAt
) -> None:
    if not subscribers:
        return
    spent_seconds: dict[str, float] = dict.fromkeys(subscribers, 0)
    cursors = [cursor for cursor in _undelivered.all() if cursor.subscriber in subscribers]
    for cursor in _by_turns(cursors, served_at):
        if stop():
            return
        if (spent := spent_seconds[cursor.subscriber]) > PATIENCE_SECONDS:
            progress.full_batches += spent < math.inf
            continue
        served_at[cursor.pk] = started = time.monotonic()
        run = _deliver_one(cursor, subscribers[cursor.subscriber], progress, batch_size, stop)
        is_unreachable = run is not None and run.unreachable is not None
        spent_seconds[cursor.subscriber] += math.inf if is_unreachable else time.monotonic() - started


def _deliver_one(cursor: Cursor, subscriber: Subscriber, progress: Progress, batch_size: int, stop: Stop) -> Run | None:
    lease = leases.claim(cursor=cursor)
    if lease is None:
        return None
    try:
        run = delivery.deliver(
            lease=lease,
            subscriber=subscriber,
            batch_size=batch_size,
            stop=stop,
            has_due_events=cursor.has_due_events,
            has_held_events=cursor.has_held_events,
        )
    except LeaseLost:
        _note_lost(lease, progress)
        return None
    except LogCorrupted:
        logger.exception("shard %d cannot be read by %s", lease.shard, subscriber.name)
        _back_off(lease, progress)
        return None
    progress += Progress(
        delivered=run.delivered,
        held=run.held,
        moved=run.moved,
        backed_off=int(run.unreachable is not None),
        full_batches=int(run.moved >= batch_size),
    )
    return run


def _by_turns(cursors: list[Cursor], served_at: ServedAt) -> list[Cursor]:
    """Longest unserved first, else in random order, for other relays are at it too.

    Subscribers that could not be reached lately come last: each costs the others one timeout a pass.
    """
    ailing = {cursor.subscriber for cursor in _failing.all()}
    random.shuffle(cursors)
    return sorted(cursors, key=lambda cursor: (cursor.subscriber in ailing, served_at.get(cursor.pk, -math.inf)))


def _back_off(lease: Lease, progress: Progress) -> None:
    try:
        leases.back_off(lease=lease)
    except LeaseLost:
        _note_lost(lease, progress)
    else:
        progress.backed_off += 1


def _note_lost(lease: Lease, progress: Progress) -> None:
    logger.warning("the lease of %s was lost to another relay, which goes on from there", lease)
    progress.leases_lost += 1
