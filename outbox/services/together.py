"""Many shards at once, each with a little for one subscriber: a few statements and commits for all of them.

Under a steady load every shard has an event or two, and a commit for each would be most of what a pass costs. Whatever
is out of the ordinary in any of them is left for one by one.
"""

import dataclasses
import logging
from collections.abc import Iterator, Sequence

from config.kernel import db
from config.kernel.errors import Unavailable
from outbox.models import Cursor
from outbox.services import leases, reading
from outbox.services.leases import Lease, LeaseLost
from outbox.services.reading import Stretch
from outbox.services.run import blames_event
from outbox.subscribers.base import TransportError
from outbox.subscribers.registry import Consumer, PublishingSubscriber, Subscriber

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Together:
    """Events delivered, positions passed, leases that are left as they were, why the subscriber cannot be reached."""

    delivered: int = 0
    moved: int = 0
    left: list[Lease] = dataclasses.field(default_factory=list)
    unreachable: Exception | None = None


def groups(cursors: Sequence[Cursor], *, limit: int) -> Iterator[list[Cursor]]:
    """Cursors of one subscriber with nothing held and nothing failing, which are behind by `limit` events in all.

    Those that are further behind by themselves, and one that would be alone, are left out.
    """
    group: list[Cursor] = []
    behind = 0
    for cursor in cursors:
        lag = cursor.head - cursor.position
        if cursor.has_due_events or cursor.has_held_events or cursor.failures or lag >= limit:
            continue
        if behind + lag > limit:
            if len(group) > 1:
                yield group
            group, behind = [], 0
        group.append(cursor)
        behind += lag
    if len(group) > 1:
        yield group


def deliver(*, cursors: Sequence[Cursor], subscriber: Subscriber) -> Together:
    """What these cursors of `subscriber` are behind. Raises nothing but database errors."""
    claimed = leases.claim_together(cursors=cursors)
    heads = {cursor.shard: cursor.head for cursor in cursors}
    stretches = {lease: Stretch(lease.shard, lease.position, heads[lease.shard]) for lease in claimed}
    if not stretches:
        return Together()
    try:
        if isinstance(subscriber, PublishingSubscriber):
            return _publish(stretches, subscriber)
        assert isinstance(subscriber, Consumer)
        return _consume(stretches, subscriber)
    except LeaseLost as lost:
        logger.warning("%s; they are gone through one by one", lost)
        return Together(left=claimed)


def _publish(stretches: dict[Lease, Stretch], subscriber: PublishingSubscriber) -> Together:
    found = reading.published_in(list(stretches.values()))
    if len(found) != _length(stretches):
        return Together(left=list(stretches))
    heard = [event for event in found if subscriber.hears(event.type)]
    try:
        if heard:
            subscriber.publisher.publish(heard)
    except Exception as error:
        if blames_event(error):
            return Together(left=list(stretches))
        return _back_off(stretches, subscriber, error)
    leases.give_back_together(leases=_goals(stretches))
    return Together(delivered=len(heard), moved=len(found))


def _consume(stretches: dict[Lease, Stretch], consumer: Consumer) -> Together:
    types = reading.types_in(list(stretches.values()))
    if sum(sum(counts.values()) for counts in types.values()) != _length(stretches):
        return Together(left=list(stretches))
    present = consumer.at_present()
    hearing = [lease for lease in stretches if any(map(present.hears, types.get(lease.shard, ())))]
    heard = {type_ for lease in hearing for type_ in types[lease.shard] if present.hears(type_)}
    if hearing and consumer.chooser:
        events = reading.events_in([stretches[lease] for lease in hearing], heard)
        chosen = {event.shard for event in consumer.choose(events)}
        hearing = [lease for lease in hearing if lease.shard in chosen]
    done = {lease: stretch for lease, stretch in stretches.items() if lease not in hearing}
    if done:
        leases.give_back_together(leases=_goals(done))
    if not hearing or not consumer.takes_batches:
        return Together(moved=_length(done), left=hearing)
    return _consume_batch({lease: stretches[lease] for lease in hearing}, consumer, heard, passed=_length(done))


def _consume_batch(stretches: dict[Lease, Stretch], consumer: Consumer, types: set[str], *, passed: int) -> Together:
    try:
        taken = _take_effect(stretches, consumer, types)
    except LeaseLost:
        return Together(moved=passed, left=list(stretches))
    except Exception as error:
        if blames_event(error):
            logger.warning("%s takes a batch one by one: %s", consumer.name, error)
            return Together(moved=passed, left=list(stretches))
        if not isinstance(error, TransportError | Unavailable):
            raise
        found = _back_off(stretches, consumer, error)
        found.moved = passed
        return found
    return Together(delivered=taken, moved=passed + _length(stretches))


@db.transaction(idempotent=True)
def _take_effect(stretches: dict[Lease, Stretch], consumer: Consumer, types: set[str]) -> int:
    events = reading.events_in(list(stretches.values()), types)
    consumer.handle(events)
    leases.move_together(leases=_goals(stretches))
    return len(events)


def _back_off(stretches: dict[Lease, Stretch], subscriber: Subscriber, error: Exception) -> Together:
    """One shard does, as if it had been the first by itself; the others are as they were."""
    first, *others = stretches
    logger.warning("%s backs off: %s", first, error)
    leases.back_off(lease=first)
    if others:
        leases.give_back_together(leases={lease: lease.position for lease in others})
    return Together(unreachable=error)


def _goals(stretches: dict[Lease, Stretch]) -> dict[Lease, int]:
    return {lease: stretch.through for lease, stretch in stretches.items()}


def _length(stretches: dict[Lease, Stretch]) -> int:
    return sum(stretch.through - stretch.after for stretch in stretches.values())
