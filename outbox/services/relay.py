"""The relay: one pass numbers and delivers a batch of every shard that has work and that nobody else has leased."""

import contextlib
import logging
import math
import time
from collections.abc import Collection, Iterable, Iterator

from django.conf import settings

from config.kernel.prepared import Select
from outbox.models import Cursor
from outbox.services import delivery, leases, numbering, together
from outbox.services.leases import Lease, LeaseLost
from outbox.services.numbering import Beside
from outbox.services.progress import Progress, ServedAt, by_turns
from outbox.services.run import Stop
from outbox.services.sequencing import LogCorrupted
from outbox.subscribers import registry
from outbox.subscribers.registry import PublishingSubscriber, Subscriber

logger = logging.getLogger(__name__)

REST_SHARE = 0.5
MAX_REST_SECONDS = 1.0
"""How long to gather events after a pass that was not behind: this share of what the pass took, at most so long."""

_undelivered = Select(Cursor.objects.claimable().with_undelivered_events())
_failing = Select(Cursor.objects.filter(failures__gt=0))

PATIENCE_SECONDS = 1.0
"""A subscriber that has taken longer than this leaves its other shards to the next pass: the others wait no longer."""


def never() -> bool:
    """A `stop` that lets a pass end by itself."""
    return False


def relay_once(
    *,
    stop: Stop = never,
    batch_size: int | None = None,
    only: Collection[str] | None = None,
    served_at: ServedAt | None = None,
    beside: Beside | None = None,
) -> Progress:
    """One pass: at most one batch per shard and subscriber, so that several relays share and a backlog stays fair.

    `only` names the subscribers to serve (default: all). With the `served_at` of the passes before, what one of them
    had no time for comes first; in a backlog numbering goes on `beside` the deliveries. `stop` is asked between
    batches, and between the events of a consumer. Database errors other than deadlocks come out; what was leased then
    is free again after its lease.
    """
    size = batch_size or settings.OUTBOX_BATCH_SIZE
    subscribers = registry.configured()
    leases.create_missing_cursors(subscribers=subscribers.values())
    names = [name for name in subscribers if only is None or name in only]
    served = {name: subscribers[name] for name in names}
    progress = Progress()
    served_at = ServedAt() if served_at is None else served_at
    with numbering.of_a_pass(progress, batch_size=size, stop=stop, served_at=served_at, beside=beside):
        _Deliveries(progress, served, size, stop, served_at).deliver_all()
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
    return 0 if progress.full_batches else min(pass_seconds * REST_SHARE, MAX_REST_SECONDS)


def drain(
    *,
    stop: Stop = never,
    batch_size: int | None = None,
    only: Collection[str] | None = None,
    beside: Beside | None = None,
) -> Progress:
    """Passes until nothing is left to do now, or `stop`; what backs off or another relay has leased stays."""
    total, served_at = Progress(), ServedAt()
    while True:
        progress = relay_once(stop=stop, batch_size=batch_size, only=only, served_at=served_at, beside=beside)
        total += progress
        if stop() or not progress.did_something:
            return total


class _Deliveries:
    """One pass over the subscribers."""

    def __init__(
        self, progress: Progress, subscribers: dict[str, Subscriber], batch_size: int, stop: Stop, served_at: ServedAt
    ) -> None:
        self._progress = progress
        self._subscribers = subscribers
        self._batch_size = batch_size
        self._stop = stop
        self._served_at = served_at
        self._spent_seconds: dict[str, float] = dict.fromkeys(subscribers, 0)

    def deliver_all(self) -> None:
        """Shards with a little together, what is left of them and all others one by one."""
        if not self._subscribers:
            return
        cursors = [cursor for cursor in _undelivered.all() if cursor.subscriber in self._subscribers]
        ailing = {cursor.subscriber for cursor in _failing.all()}
        # Who could not be reached lately comes last: each costs the others one timeout a pass.
        cursors = sorted(by_turns(cursors, self._served_at), key=lambda cursor: cursor.subscriber in ailing)
        served: set[int] = set()
        for name in self._in_order(dict.fromkeys(cursor.subscriber for cursor in cursors), ailing):
            for group in together.groups([each for each in cursors if each.subscriber == name], limit=self._batch_size):
                if self._is_over(name):
                    break
                self._deliver_together(group)
                served |= {cursor.pk for cursor in group}
        for cursor in cursors:
            if cursor.pk not in served and not self._is_over(cursor.subscriber):
                self._deliver_one(cursor)

    def _in_order(self, names: Iterable[str], ailing: set[str]) -> list[str]:
        """Publishers first, for somebody may be waiting outside; who could not be reached lately last."""

        def place(name: str) -> tuple[bool, bool]:
            return name in ailing, not isinstance(self._subscribers[name], PublishingSubscriber)

        return sorted(names, key=place)

    def _is_over(self, subscriber: str) -> bool:
        """Whether the rest has to wait for the next pass."""
        if self._stop():
            return True
        spent = self._spent_seconds[subscriber]
        if spent <= PATIENCE_SECONDS:
            return False
        self._progress.full_batches += spent < math.inf
        return True

    def _deliver_together(self, group: list[Cursor]) -> None:
        name = group[0].subscriber
        with self._timed(group):
            found = together.deliver(cursors=group, subscriber=self._subscribers[name])
            self._progress += Progress(delivered=found.delivered, moved=found.moved)
            if found.unreachable is not None:
                self._note_unreachable(name)
            for lease in found.left:
                if self._is_over(name):
                    self._give_back(lease)
                else:
                    self._deliver_leased(lease, has_due_events=False, has_held_events=False)

    def _give_back(self, lease: Lease) -> None:
        try:
            leases.give_back(lease=lease, position=lease.position)
        except LeaseLost:
            self._progress.note_lost(lease)

    def _deliver_one(self, cursor: Cursor) -> None:
        with self._timed([cursor]):
            lease = leases.claim(cursor=cursor)
            if lease is not None:
                self._deliver_leased(
                    lease, has_due_events=cursor.has_due_events, has_held_events=cursor.has_held_events
                )

    def _deliver_leased(self, lease: Lease, *, has_due_events: bool, has_held_events: bool) -> None:
        subscriber = self._subscribers[lease.subscriber]
        try:
            run = delivery.deliver(
                lease=lease,
                subscriber=subscriber,
                batch_size=self._batch_size,
                stop=self._stop,
                has_due_events=has_due_events,
                has_held_events=has_held_events,
            )
        except LeaseLost:
            self._progress.note_lost(lease)
            return
        except LogCorrupted:
            logger.exception("shard %d cannot be read by %s", lease.shard, subscriber.name)
            self._progress.back_off(lease)
            return
        self._progress += Progress(
            delivered=run.delivered, held=run.held, moved=run.moved, full_batches=int(run.moved >= self._batch_size)
        )
        if run.unreachable is not None:
            self._note_unreachable(subscriber.name)

    def _note_unreachable(self, subscriber: str) -> None:
        self._progress.backed_off += 1
        self._spent_seconds[subscriber] = math.inf

    @contextlib.contextmanager
    def _timed(self, cursors: list[Cursor]) -> Iterator[None]:
        started = time.monotonic()
        self._served_at |= dict.fromkeys((cursor.pk for cursor in cursors), started)
        yield
        self._spent_seconds[cursors[0].subscriber] += time.monotonic() - started
