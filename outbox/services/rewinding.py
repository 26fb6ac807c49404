"""Moving a publisher's cursors back, so that what it has had already is sent again, in order."""

import dataclasses
import datetime
import logging
from collections.abc import Iterable, Mapping

from django.db.models import Count

from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Invalid, NotFound
from outbox.models import SHARDS, ArchivedEvent, Cursor, HeldEvent, HeldEventQuerySet, OutboxEvent
from outbox.services import nudging
from outbox.services.reading import EventNotFound, before_first, find
from outbox.services.record import shard_of
from outbox.subscribers import registry
from outbox.subscribers.registry import PublishingSubscriber, Subscriber

logger = logging.getLogger(__name__)

LOG = (OutboxEvent, ArchivedEvent)


class SubscriberNotFound(NotFound):
    """There is no subscriber {name}."""

    code = "subscriber_not_found"


class OnlyPublishersRewind(Invalid):
    """{name} takes effect in our own database, once per event: only publishers are sent anything again."""

    code = "only_publishers_rewind"


@dataclasses.dataclass(frozen=True)
class Target:
    """Where to: before one event (in its shard), before the first at or after an instant, or before everything.

    `aggregate_id` leaves all shards but its own where they are.
    """

    event_id: str = ""
    since: datetime.datetime | None = None
    aggregate_id: str = ""


@dataclasses.dataclass(frozen=True)
class Rewind:
    """In how many shards the cursor stands beyond the target, and how many events it hears will be sent again.

    `held` counts those of them that are held: they are no longer, for the relay comes past them again.
    """

    shards: int
    events: int
    held: int


def rewind(*, subscriber: str, target: Target, actor: Principal, reason: str) -> Rewind:
    """Move the cursors of a publisher back to `target`, never forward; a relay that has leased one loses its lease.

    Raises SubscriberNotFound, OnlyPublishersRewind, EventNotFound.
    """
    positions = _positions(target)
    rewound = _planned(_publisher(subscriber), positions)
    _move_back(subscriber=subscriber, positions=positions)
    logger.info(
        "%s moved back in %d shards by %s: %s",
        subscriber,
        rewound.shards,
        actor.actor,
        reason,
        extra={"subscriber": subscriber, "actor": actor.actor, "reason": reason, **dataclasses.asdict(rewound)},
    )
    return rewound


def preview_rewind(*, subscriber: str, target: Target) -> Rewind:
    """What `rewind` would do now. Raises the same."""
    return _planned(_publisher(subscriber), _positions(target))


def _publisher(name: str) -> PublishingSubscriber:
    found = registry.configured().get(name)
    if found is None:
        raise SubscriberNotFound(name=name)
    if not isinstance(found, PublishingSubscriber):
        raise OnlyPublishersRewind(name=name)
    return found


def _positions(target: Target) -> dict[int, int]:
    """By shard, the position after which to go on."""
    if target.event_id:
        return _before(target.event_id)
    shards: Iterable[int] = range(SHARDS)
    if target.aggregate_id:
        shards = [_shard(target.aggregate_id)]
    if target.since is None:
        return dict.fromkeys(shards, 0)
    return before_first(*(model.objects.filter(shard__in=shards, occurred_at__gte=target.since) for model in LOG))


def _before(event_id: str) -> dict[int, int]:
    event = find(event_id)
    if event.position is None:
        raise EventNotFound(id=event_id)
    return {event.shard: event.position - 1}


def _shard(aggregate_id: str) -> int:
    if not any(model.objects.filter(aggregate_id=aggregate_id).exists() for model in LOG):
        raise EventNotFound(id=f"of {aggregate_id}")
    return shard_of(aggregate_id)


def _planned(subscriber: Subscriber, positions: Mapping[int, int]) -> Rewind:
    """Counted before anything is locked: a long log takes a while."""
    cursors = Cursor.objects.filter(subscriber=subscriber.name, shard__in=positions)
    behind = [cursor for cursor in cursors.order_by("shard") if cursor.position > positions[cursor.shard]]
    return Rewind(
        shards=len(behind),
        events=sum(_heard(subscriber, cursor, positions[cursor.shard]) for cursor in behind),
        held=sum(_held_beyond(cursor, positions[cursor.shard]).count() for cursor in behind),
    )


def _heard(subscriber: Subscriber, cursor: Cursor, position: int) -> int:
    total = 0
    for model in LOG:
        again = model.objects.filter(shard=cursor.shard, position__gt=position, position__lte=cursor.position)
        counts = again.values("type").annotate(count=Count("pk")).values_list("type", "count")
        total += sum(count for event_type, count in counts.order_by("type") if subscriber.hears(event_type))
    return total


@db.transaction(idempotent=True)
def _move_back(*, subscriber: str, positions: Mapping[int, int]) -> None:
    cursors = Cursor.objects.select_for_update().filter(subscriber=subscriber, shard__in=positions)
    for cursor in cursors.order_by("shard"):
        if cursor.position > positions[cursor.shard]:
            _move_one_back(cursor, positions[cursor.shard])
    nudging.nudge_after_commit()


def _move_one_back(cursor: Cursor, position: int) -> None:
    """Under its lock. The token rises, as if another relay had claimed it: an earlier lease moves it no more.

    Events that are held beyond the position would be tried before the earlier ones of their aggregate, which are on
    their way again: they are let go, and held anew if they still fail.
    """
    _held_beyond(cursor, position).delete()
    cursor.position = position
    cursor.lease_token += 1
    cursor.lease_expires_at = cursor.available_at = None
    cursor.failures = 0
    cursor.save()


def _held_beyond(cursor: Cursor, position: int) -> HeldEventQuerySet:
    ahead = HeldEvent.objects.held().filter(subscriber=cursor.subscriber, shard=cursor.shard)
    return ahead.filter(position__gt=position)
