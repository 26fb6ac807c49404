"""One moment of the whole database, while others go on writing."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from config.kernel import clock

LOWEST, HIGHEST = "0" * 32, "f" * 32
"""Bounds of all ids, as both databases read them."""


class Snapshot:
    """Reads rows as tuples, ids as the database has them: a table is never read whole, only range by range."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self.vendor = connection.vendor
        self.taken_at = clock.now()

    def rows(self, sql: str, *parameters: Any) -> Sequence[tuple[Any, ...]]:
        """All rows of the answer: the caller's range keeps them few."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return found

    def value(self, sql: str, *parameters: Any) -> Any:
        """The only column of the only row; None where there is no row."""
        rows = self.rows(sql, *parameters)
        return rows[0][0] if rows else None

    def chunks(
        self, table: str, size: int, *, where: str = "1 = 1", bounds: tuple[Any, Any] = (LOWEST, HIGHEST)
    ) -> Iterator[tuple[Any, Any, int]]:
        """Ranges (after, up to and including, rows) of primary keys, which together cover all between the bounds."""
        after, highest = bounds
        while True:
            rest = f"FROM {table} WHERE {where} AND id > %s"
            last = self.value(f"SELECT id {rest} ORDER BY id LIMIT 1 OFFSET {size - 1}", after)
            if last is None:
                yield after, highest, self.value(f"SELECT COUNT(*) {rest}", after)
                return
            yield after, last, size
            after = last


@contextlib.contextmanager
def taken() -> Iterator[Snapshot]:
    """The database as it is now, on a connection of its own that can only read, until the block ends.

    It locks no rows, but a `migrate` beside it waits until it has ended. MariaDB keeps what is changed meanwhile in its
    undo log, SQLite in its write-ahead log.
    """
    connection = connections[DEFAULT_DB_ALIAS].copy()
    try:
        with connection.cursor() as cursor:
            for statement in _BEGIN[connection.vendor]:
                cursor.execute(statement)
        yield Snapshot(connection)
    finally:
        connection.close()


_BEGIN = {
    "mysql": [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ],
    "sqlite": ["BEGIN", "SELECT COUNT(*) FROM sqlite_master"],
}
"""SQLite takes its snapshot when something is first read."""
