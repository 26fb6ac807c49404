"""Statements of every pass about its cursors; composed by the ORM each takes ten times the CPU.

A claim or a move is true when the cursor was as the caller believes. Times are the database's.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import OperationalError, connection

from outbox.models import SQLITE_TIME, Cursor

_TABLE = Cursor._meta.db_table
_LOCK_WAIT_TIMEOUT = 1205

_SQLITE_TIME = SQLITE_TIME.replace("%", "%%")
_NOW = {"mysql": "UTC_TIMESTAMP(6)", "sqlite": f"STRFTIME('{_SQLITE_TIME}', 'NOW')"}
_LATER = {
    "mysql": "UTC_TIMESTAMP(6) + INTERVAL %(seconds)s * 1000000 MICROSECOND",
    "sqlite": f"STRFTIME('{_SQLITE_TIME}', 'NOW', %(seconds)s || ' seconds')",
}
_WITHOUT_WAITING = {"mysql": "SET STATEMENT innodb_lock_wait_timeout = 0 FOR", "sqlite": ""}
"""A row that is locked is in somebody's hands: perhaps of a relay whose host is gone in the midst of a transaction, and
whoever waited for that one would do nothing else."""


def claim(*, id: int, token: int, owner: str, seconds: float) -> bool:
    """Lease a free cursor whose latest token is `token` for `seconds`, under the next token; False if it is locked."""
    now, later = _NOW[connection.vendor], _LATER[connection.vendor]
    try:
        return _update(
            f"""
            {_WITHOUT_WAITING[connection.vendor]}
            UPDATE {_TABLE} SET lease_owner = %(owner)s, lease_token = %(token)s + 1, lease_expires_at = {later}
            WHERE id = %(id)s AND lease_token = %(token)s AND (lease_expires_at IS NULL OR lease_expires_at <= {now})
            """,
            {"id": id, "token": token, "owner": owner, "seconds": seconds},
        )
    except OperationalError as error:
        if error.args[0] != _LOCK_WAIT_TIMEOUT:
            raise
        return False


def move(*, subscriber: str, shard: int, token: int, position: int, to: int, seconds: float | None) -> bool:
    """Move a cursor from `position` on `to` another, no longer backing off; leased for `seconds`, or given back."""
    later = "NULL" if seconds is None else _LATER[connection.vendor]
    return _update(
        f"""
        UPDATE {_TABLE} SET position = %(to)s, failures = 0, available_at = NULL, lease_expires_at = {later}
        WHERE subscriber = %(subscriber)s AND shard = %(shard)s AND lease_token = %(token)s AND position = %(position)s
        """,
        {
            "subscriber": subscriber,
            "shard": shard,
            "token": token,
            "position": position,
            "to": to,
            "seconds": seconds,
        },
    )


class Free(NamedTuple):
    """A cursor that nobody has leased."""

    id: int
    shard: int
    position: int
    token: int


def lock_free(*, ids: Sequence[int]) -> list[Free]:
    """Requires a transaction, which holds them from now on: those of `ids` that are free and that nobody has locked."""
    skip = "FOR UPDATE SKIP LOCKED" if connection.vendor == "mysql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, shard, position, lease_token FROM {_TABLE} WHERE id IN ({_marks(ids)})"
            f" AND (lease_expires_at IS NULL OR lease_expires_at <= {_NOW[connection.vendor]}) {skip}",
            ids,
        )
        return [Free(*row) for row in cursor.fetchall()]


def claim_locked(*, ids: Sequence[int], owner: str, seconds: float) -> None:
    """Lease the cursors, which the transaction holds, under their next tokens."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} SET lease_owner = %s, lease_token = lease_token + 1,"
            f" lease_expires_at = {_LATER[connection.vendor].replace('%(seconds)s', '%s')} WHERE id IN ({_marks(ids)})",
            [owner, seconds, *ids],
        )


class Step(NamedTuple):
    """Where the cursor of a shard is believed to be, and where it goes."""

    shard: int
    token: int
    position: int
    to: int


def move_together(*, subscriber: str, steps: Sequence[Step]) -> int:
    """As `move`, for several shards, which are given back; how many were as the caller believes.

    Their tokens rise: who has read them before, and would claim them now, leases none that is not as it was read.
    """
    goals = " ".join("WHEN %s THEN %s" for _ in steps)
    beliefs = " ".join("WHEN %s THEN lease_token = %s AND position = %s" for _ in steps)
    sql = f"""
        UPDATE {_TABLE}
        SET position = CASE shard {goals} END, lease_token = lease_token + 1, failures = 0, available_at = NULL,
            lease_expires_at = NULL
        WHERE subscriber = %s AND shard IN ({_marks(steps)}) AND CASE shard {beliefs} END
    """
    parameters: list[Any] = [value for step in steps for value in (step.shard, step.to)]
    parameters += [subscriber, *(step.shard for step in steps)]
    parameters += [value for step in steps for value in (step.shard, step.token, step.position)]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        moved: int = cursor.rowcount
        return moved


def _marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def cursors_per_subscriber() -> dict[str, int]:
    """Of those that have any."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT subscriber, COUNT(*) FROM {_TABLE} GROUP BY subscriber")
        return dict(cursor.fetchall())


def _update(sql: str, parameters: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return bool(cursor.rowcount)
