"""Old events that every subscriber has passed lie in a table of their own, and come back for whoever reads them again.

The log that relays number and read stays small. Nothing is deleted: `verify_books`, timelines and the API read both.
"""

import dataclasses
import datetime
from collections.abc import Iterator, Sequence

from django.db import IntegrityError, connection
from django.db.models import Min

from config.kernel import db
from outbox.models import SHARDS, ArchivedEvent, Cursor, LoggedEvent, OutboxEvent
from outbox.services import retention
from outbox.services.run import Stop

CHUNK = 500
"""Events that one transaction moves. MariaDB makes a table of 1,000 ids or more (in_predicate_conversion_threshold)."""
_COLUMNS = ", ".join(str(field.column) for field in OutboxEvent._meta.concrete_fields)


@dataclasses.dataclass(frozen=True)
class _Chunk:
    """Old events of one shard, up to a position."""

    shard: int
    through: int
    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)


def archive(*, before: datetime.datetime, stop: Stop, dry_run: bool = False) -> int:
    """Move the events that occurred before then, business time, and that nobody needs in the log; how many.

    What some cursor has not passed stays, and what a held event or a delivery refers to. `stop` is asked between
    chunks; with `dry_run` they are only counted, and what is referred to with them.
    """
    return retention.move_all(_old(before), _archive_unless_held, stop=stop, dry_run=dry_run)


@db.transaction(idempotent=True)
def restore(*, shard: int, after: int, limit: int) -> None:
    """Bring the first `limit` archived events of `shard` beyond the position `after` back, if there are any."""
    beyond = ArchivedEvent.objects.filter(shard=shard, position__gt=after).order_by("position")
    _move(list(beyond.values_list("id", flat=True)[:limit]), ArchivedEvent, OutboxEvent)


def _old(before: datetime.datetime) -> Iterator[_Chunk]:
    """Of each shard by position, so that what some cursor has not passed is not even read."""
    for shard in range(SHARDS):
        after = 0
        while True:
            rows = OutboxEvent.objects.filter(shard=shard, position__gt=after, position__lte=_passed(shard))
            found = rows.order_by("position").values_list("id", "position", "occurred_at")[:CHUNK]
            old = [(id, position or 0) for id, position, occurred_at in found if occurred_at < before]
            if not old:
                break
            after = old[-1][1]
            yield _Chunk(shard, after, [id for id, _ in old])


def _passed(shard: int) -> int:
    """The position that every cursor of the shard has come to."""
    return Cursor.objects.filter(shard=shard).aggregate(least=Min("position"))["least"] or 0


def _archive_unless_held(chunk: _Chunk) -> int:
    try:
        return _archive_unless_referred_to(chunk)
    except IntegrityError:
        return 0  # one of them has just been held: next time


@db.transaction(idempotent=True)
def _archive_unless_referred_to(chunk: _Chunk) -> int:
    """Nothing of it where a cursor has been moved back meanwhile; none is until this ends."""
    cursors = Cursor.objects.select_for_update().filter(shard=chunk.shard).order_by("id")
    if min(cursors.values_list("position", flat=True), default=0) < chunk.through:
        return 0
    referring = [relation.related_model._default_manager for relation in OutboxEvent._meta.related_objects]
    kept = {id for rows in referring for id in rows.filter(event__in=chunk.ids).values_list("event", flat=True)}
    return _move([id for id in chunk.ids if id not in kept], OutboxEvent, ArchivedEvent)


def _move(ids: Sequence[str], source: type[LoggedEvent], to: type[LoggedEvent]) -> int:
    """Those that are there, by the database: `data` stays as it is, byte for byte. How many.

    Under their locks: what came or went between the statements would be in neither table, or in both.
    """
    there = list(source._default_manager.select_for_update().filter(id__in=ids).values_list("id", flat=True))
    keys = [source._meta.pk.get_db_prep_value(id, connection) for id in there]
    if not keys:
        return 0
    these = f"FROM {source._meta.db_table} WHERE id IN ({', '.join(['%s'] * len(keys))})"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {to._meta.db_table} ({_COLUMNS}) SELECT {_COLUMNS} {these}", keys)
        cursor.execute(f"DELETE {these}", keys)
    return len(keys)
