"""Reading the log: the next events of a shard for one subscriber, under its lease."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Min, QuerySet

from config.kernel import ids
from config.kernel.errors import NotFound
from config.kernel.fields import by_id
from outbox.models import ArchivedEvent, LoggedEvent, OutboxEvent
from outbox.services import archiving
from outbox.services.leases import Lease
from outbox.services.run import Batch
from outbox.services.sequencing import LogCorrupted
from outbox.subscribers.base import PublishedEvent
from outbox.subscribers.registry import Consumer, Subscriber

_TABLE = OutboxEvent._meta.db_table
_PREFIX = OutboxEvent._meta.get_field("id").prefix

# What the relay does most. A model instance, a datetime and a parsed `data` per event cost more than all the rest of
# publishing it. Times are stored in UTC.
_COLUMNS = f"""
    SELECT id, type, version, data, aggregate_type, aggregate_id, sequence, shard, position, actor, correlation_id,
        CAST(occurred_at AS CHAR)
    FROM {_TABLE}
"""
_PUBLISHED = f"{_COLUMNS} WHERE shard = %s AND position > %s ORDER BY position LIMIT %s"

_TYPES = f"""
    SELECT type, COUNT(*), MAX(position)
    FROM (SELECT type, position FROM {_TABLE} WHERE shard = %s AND position > %s ORDER BY position LIMIT %s) AS next
    GROUP BY type
"""


class Stretch(NamedTuple):
    """Of a shard, the positions beyond `after` up to `through`."""

    shard: int
    after: int
    through: int


class EventNotFound(NotFound):
    """There is no event {id}."""

    code = "event_not_found"


def for_publisher(*, lease: Lease, subscriber: Subscriber, limit: int) -> Batch[PublishedEvent]:
    """What `subscriber` hears of the next `limit` positions, archived ones too. Raises LogCorrupted for a gap."""
    found = published(shard=lease.shard, after=lease.position, limit=limit)
    if _restored(lease, count=len(found), highest=found[-1].position if found else None, limit=limit):
        found = published(shard=lease.shard, after=lease.position, limit=limit)
    through = _through(lease, count=len(found), highest=found[-1].position if found else lease.position)
    return Batch([event for event in found if subscriber.hears(event.type)], through)


def for_consumer(*, lease: Lease, subscriber: Consumer, limit: int) -> Batch[OutboxEvent]:
    """What `subscriber` hears of the next `limit` positions, archived ones too; the rest is not loaded.

    Raises LogCorrupted for a gap.
    """
    found, count, highest = _types(lease, limit)
    if _restored(lease, count=count, highest=highest, limit=limit):
        found, count, highest = _types(lease, limit)
    through = _through(lease, count=count, highest=highest or lease.position)
    present = subscriber.at_present() if found else subscriber
    heard = [row[0] for row in found if present.hears(row[0])]
    if not heard:
        return Batch([], through)
    stretch = OutboxEvent.objects.filter(shard=lease.shard, position__gt=lease.position, position__lte=through)
    return Batch(subscriber.choose(list(stretch.filter(type__in=heard).order_by("position"))), through)


def _types(lease: Lease, limit: int) -> tuple[Sequence[Any], int, int | None]:
    found = _select(_TYPES, [lease.shard, lease.position, limit])
    return found, sum(row[1] for row in found), max((row[2] for row in found), default=None)


def _restored(lease: Lease, *, count: int, highest: int | None, limit: int) -> bool:
    """Whether some of the next positions were archived, and are back now: who reads them may have to hold them."""
    if highest == lease.position + count:
        return False
    archiving.restore(shard=lease.shard, after=lease.position, limit=limit)
    return True


def published(*, shard: int, after: int, limit: int) -> list[PublishedEvent]:
    """The events of `shard` at the first `limit` positions beyond `after` that are not archived."""
    return _as_published(_select(_PUBLISHED, [shard, after, limit]))


def published_in(stretches: Sequence[Stretch]) -> list[PublishedEvent]:
    """The events of all these stretches that are not archived, each shard's in order."""
    where, parameters = _within(stretches)
    return _as_published(_select(f"{_COLUMNS} WHERE {where} ORDER BY shard, position", parameters))


def types_in(stretches: Sequence[Stretch]) -> dict[int, dict[str, int]]:
    """By shard: how many events of which type."""
    where, parameters = _within(stretches)
    found: dict[int, dict[str, int]] = {}
    sql = f"SELECT shard, type, COUNT(*) FROM {_TABLE} WHERE {where} GROUP BY shard, type"
    for shard, type_, count in _select(sql, parameters):
        found.setdefault(shard, {})[type_] = count
    return found


def events_in(stretches: Sequence[Stretch], types: Collection[str]) -> list[OutboxEvent]:
    """The events of these types, each shard's in order."""
    where, parameters = _within(stretches)
    names = ", ".join(["%s"] * len(types))
    # Not a filter: Django compares a condition of ours with TRUE, and MariaDB then reads the whole log.
    sql = f"SELECT * FROM {_TABLE} WHERE ({where}) AND type IN ({names}) ORDER BY shard, position"
    return list(OutboxEvent.objects.raw(sql, [*parameters, *types]))


def before_first(*tables: QuerySet[OutboxEvent] | QuerySet[ArchivedEvent]) -> dict[int, int]:
    """Of each shard that has any of these events, the position after which the first of them is read."""
    found: dict[int, int] = {}
    for events in tables:
        numbered = events.filter(position__isnull=False).values("shard").annotate(first=Min("position"))
        for shard, first in numbered.values_list("shard", "first").order_by("shard"):
            found[shard] = min(first - 1, found.get(shard, first - 1))
    return found


def find(event_id: str) -> LoggedEvent:
    """Wherever it lies. Raises EventNotFound."""
    for model in (OutboxEvent, ArchivedEvent, OutboxEvent):  # it may just be coming back
        event: LoggedEvent | None = by_id(model.objects, event_id)
        if event is not None:
            return event
    raise EventNotFound(id=event_id)


def _select(sql: str, parameters: list[int]) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: Sequence[Any] = cursor.fetchall()
        return rows


def _within(stretches: Sequence[Stretch]) -> tuple[str, list[Any]]:
    """A condition and its parameters."""
    where = " OR ".join(["(shard = %s AND position > %s AND position <= %s)"] * len(stretches))
    return where, [number for stretch in stretches for number in stretch]


def _as_published(rows: Sequence[Any]) -> list[PublishedEvent]:
    return [PublishedEvent._make((_public_id(row[0]), *row[1:-1], _timestamp(row[-1]))) for row in rows]


def _through(lease: Lease, *, count: int, highest: int) -> int:
    if highest != lease.position + count:
        raise LogCorrupted(f"{lease}: positions {lease.position + 1} to {highest} have gaps")
    return highest


def _public_id(stored: object) -> str:
    """From the UUID as the driver returns it."""
    return ids.from_number(_PREFIX, int(str(stored).replace("-", ""), 16))


def _timestamp(stored: str) -> str:
    """From the text of a datetime in UTC; SQLite leaves out a fraction that is zero."""
    return f"{stored[:10]}T{stored[11:19]}{stored[19:] or '.000000'}Z"
