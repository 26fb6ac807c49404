"""Old events that every subscriber has passed lie in a table of their own, and come back for whoever reads them again.

The log that relays number and read stays small. Nothing is deleted: `verify_books`, timelines and the API read both.
"""

import datetime
from collections.abc import Iterator, Sequence

from django.db import IntegrityError, connection
from django.db.models import Min

from config.kernel import db, ids
from outbox.models import ArchivedEvent, Cursor, LoggedEvent, OutboxEvent
from outbox.services.run import Stop

CHUNK = 500
"""Events that one transaction moves. MariaDB makes a table of 1,000 ids or more (in_predicate_conversion_threshold)."""
_COLUMNS = ", ".join(str(field.column) for field in OutboxEvent._meta.concrete_fields)


def archive(*, before: datetime.datetime, stop: Stop, dry_run: bool = False) -> int:
    """Move the events that occurred before then, business time, and that nobody needs in the log; how many.

    What some cursor has not passed stays, and what a held event or a delivery refers to. `stop` is asked between
    chunks; with `dry_run` they are only counted, and what is referred to with them.
    """
    moved = 0
    for chunk in _old(before):
        if stop():
            break
        moved += len(chunk) if dry_run else _archive_unless_referred_to(chunk)
    return moved


def restore(*, shard: int, after: int, limit: int) -> None:
    """Bring the first `limit` archived events of `shard` beyond the position `after` back, if there are any.

    Requires the lease of a cursor that is to pass them: until then they are not archived again.
    """
    beyond = ArchivedEvent.objects.filter(shard=shard, position__gt=after).order_by("position")
    _move(list(beyond.values_list("id", flat=True)[:limit]), ArchivedEvent, OutboxEvent)


def _old(before: datetime.datetime) -> Iterator[list[str]]:
    """Chunks by primary key, oldest first. Ids are made in the order in which things happen, but for a moment."""
    after = ids.from_number("evt", 0)
    while True:
        rows = OutboxEvent.objects.filter(id__gt=after).order_by("id")
        chunk = list(rows.values_list("id", "shard", "position", "occurred_at")[:CHUNK])
        passed = _passed()
        old = [row for row in chunk if row[3] < before]
        yield [id for id, shard, position, _ in old if position is not None and position <= passed.get(shard, 0)]
        if len(chunk) < CHUNK or len(old) < len(chunk):
            return
        after = chunk[-1][0]


def _passed() -> dict[int, int]:
    """Of each shard, the position that every cursor has come to."""
    return dict(Cursor.objects.values("shard").annotate(least=Min("position")).values_list("shard", "least"))


def _archive_unless_referred_to(chunk: Sequence[str]) -> int:
    referring = [relation.related_model._default_manager for relation in OutboxEvent._meta.related_objects]
    kept = {id for rows in referring for id in rows.filter(event__in=chunk).values_list("event", flat=True)}
    wanted = [id for id in chunk if id not in kept]
    try:
        _move(wanted, OutboxEvent, ArchivedEvent)
    except IntegrityError:
        return 0  # one of them has just been held: next time
    return len(wanted)


@db.transaction(idempotent=True)
def _move(chunk: Sequence[str], source: type[LoggedEvent], to: type[LoggedEvent]) -> None:
    """By the database: `data` stays as it is, byte for byte."""
    if not chunk:
        return
    pk = source._meta.pk
    keys = [pk.get_db_prep_value(id, connection) for id in chunk]
    these = f"FROM {source._meta.db_table} WHERE id IN ({', '.join(['%s'] * len(keys))})"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {to._meta.db_table} ({_COLUMNS}) SELECT {_COLUMNS} {these}", keys)
        cursor.execute(f"DELETE {these}", keys)
