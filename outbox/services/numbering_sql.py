"""The statements of the sequencer, which must be faster than the ORM: ids stay as the database has them."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from outbox.models import ArchivedEvent, OutboxEvent

ARCHIVE = ArchivedEvent._meta.db_table
LOG = OutboxEvent._meta.db_table

_LOOKUP = {
    "mysql": """
        SELECT e.id, e.aggregate_id, e.sequence, e.position IS NOT NULL, e.shard
        FROM JSON_TABLE(
            %s, '$[*]' COLUMNS (aggregate_id VARCHAR(100) PATH '$[0]', sequence BIGINT PATH '$[1]')
        ) AS wanted
        JOIN {table} AS e ON e.aggregate_id = wanted.aggregate_id AND e.sequence = wanted.sequence
    """,
    "sqlite": """
        SELECT e.id, e.aggregate_id, e.sequence, e.position IS NOT NULL, e.shard
        FROM json_each(%s) AS wanted
        JOIN {table} AS e ON e.aggregate_id = json_extract(wanted.value, '$[0]')
        AND e.sequence = json_extract(wanted.value, '$[1]')
    """,
}

_NUMBER = {
    # Left to itself the optimizer scans a small table or an index on it, and so waits for the row of an uncommitted
    # producer: the join order and the index are given.
    "mysql": f"""
        UPDATE JSON_TABLE(
            %(numbers)s, '$[*]' COLUMNS (id CHAR(36) PATH '$[0]', position BIGINT PATH '$[1]')
        ) AS numbered
        STRAIGHT_JOIN {LOG} AS e FORCE INDEX (PRIMARY) ON e.id = CAST(numbered.id AS UUID)
        SET e.position = numbered.position
        WHERE e.position IS NULL
    """,
    "sqlite": f"""
        UPDATE {LOG} SET position = json_extract(numbered.value, '$[1]')
        FROM json_each(%(numbers)s) AS numbered
        WHERE {LOG}.id = json_extract(numbered.value, '$[0]') AND {LOG}.position IS NULL
    """,
}


class Unsequenced(NamedTuple):
    """`id` is the primary key as the driver returns it; its text sorts like the UUID."""

    id: str
    aggregate_id: str
    sequence: int
    is_sequenced: bool
    shard: int


def unsequenced(*, shards: Sequence[int], limit: int) -> list[Unsequenced]:
    """Up to `limit` events of `shards` that have no position yet.

    No ORDER BY: the index on (shard, position) hands them out by primary key anyway, and asking for it makes MariaDB
    sort the whole backlog for each batch. Which batch an event lands in is not a promise; the order within an aggregate
    is, and the sequencer sees to that.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, aggregate_id, sequence, 0, shard FROM {LOG}"
            f" WHERE shard IN ({', '.join(['%s'] * len(shards))}) AND position IS NULL LIMIT %s",
            [*shards, limit],
        )
        return [Unsequenced(*row) for row in cursor.fetchall()]


def lookup(pairs: list[tuple[str, int]], *, table: str = LOG) -> list[Unsequenced]:
    """The events with these (aggregate id, sequence), whether sequenced or not; absent ones are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOKUP[connection.vendor].format(table=table), [json.dumps(pairs)])
        return [Unsequenced(*row) for row in cursor.fetchall()]


def number(*, numbers: Sequence[tuple[str, int]]) -> int:
    """Give events, by id, their positions; how many rows took one."""
    with connection.cursor() as cursor:
        cursor.execute(_NUMBER[connection.vendor], {"numbers": json.dumps([(str(id), at) for id, at in numbers])})
        numbered: int = cursor.rowcount
        return numbered
