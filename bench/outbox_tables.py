"""An outbox for the relay alone, in a database beside the service's; the database fills it by itself, in seconds."""

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bench import competition, servers
from outbox.models import SEQUENCER, SHARDS, Cursor, OutboxEvent

CHUNK = 50_000
"""Events per transaction."""
_EVENTS, _CURSORS = OutboxEvent._meta.db_table, Cursor._meta.db_table
_SHARD = f"CRC32(invoice) MOD {SHARDS}"
_FRESH = {
    "id": """CAST(CONCAT(LPAD(HEX(UNIX_TIMESTAMP() * 1000 + n DIV 4096), 12, '0'), '7', LPAD(HEX(n MOD 4096), 3, '0'),
        '8', LPAD(HEX(n), 15, '0')) AS UUID)""",
    "aggregate_id": "invoice",
    "correlation_id": "CONCAT('req_', SUBSTR(invoice, 5))",
    "shard": _SHARD,
}
"""What differs from event to event; ids rise with time, as UUIDv7 do."""
_WAITING = "NULL"
_DELIVERED = f"""
    (SELECT c.position FROM {_CURSORS} AS c WHERE c.subscriber = '{SEQUENCER}' AND c.shard = {_SHARD})
    + ROW_NUMBER() OVER (PARTITION BY {_SHARD} ORDER BY n)
"""
"""The position: none yet, or the next."""
_MOVE_CURSORS = f"""
    UPDATE {_CURSORS} AS c
    JOIN (SELECT shard, MAX(position) AS head FROM {_EVENTS} GROUP BY shard) AS heads ON heads.shard = c.shard
    SET c.position = heads.head WHERE heads.head > c.position
"""


class OutboxTables:
    """The service's tables, empty but for events like those of its invoice `like`."""

    def __init__(self, service_url: str, *, name: str, like: str) -> None:
        self.url = competition.copy_schema(service_url, name=name)
        self._next = 0
        source = urlsplit(service_url).path.strip("/")
        with self._cursor() as cursor:
            cursor.execute(
                f"""CREATE TABLE bench_template AS
                SELECT e.*, ROW_NUMBER() OVER (ORDER BY sequence) - 1 AS place
                FROM `{source}`.{_EVENTS} AS e WHERE aggregate_id = %s""",
                [like],
            )
            cursor.execute("SELECT COUNT(*) FROM bench_template")
            self._events_per_invoice = cursor.fetchone()[0]
        assert self._events_per_invoice, f"{like} has no events"

    def empty(self) -> None:
        """No events; the cursors there are stand at the beginning."""
        with self._cursor() as cursor:
            cursor.execute("SET foreign_key_checks = 0")
            cursor.execute(f"TRUNCATE TABLE {_EVENTS}")
            cursor.execute(f"UPDATE {_CURSORS} SET position = 0")

    def record(self, count: int) -> None:
        """`count` more events that wait for their positions."""
        self._insert(count, position=_WAITING)

    def deliver(self, count: int) -> None:
        """`count` more events, numbered, and every cursor there is beyond them. Nothing may be waiting."""
        self._insert(count, position=_DELIVERED, afterwards=_MOVE_CURSORS)

    def _insert(self, count: int, *, position: str, afterwards: str = "") -> None:
        first, end = self._next, self._next + count
        self._next = end + -end % self._events_per_invoice  # with the first event of another invoice
        with self._cursor() as cursor:
            for start in range(first, end, CHUNK):
                cursor.execute(self._statement(start, min(start + CHUNK, end) - 1, position))
                if afterwards:
                    cursor.execute(afterwards)
                cursor.connection.commit()
            cursor.execute(f"ANALYZE TABLE {_EVENTS}")

    def _statement(self, first: int, last: int, position: str) -> str:
        """Inserts the events with the running numbers `first` to `last`."""
        columns = [str(field.column) for field in OutboxEvent._meta.concrete_fields]
        fresh = {**_FRESH, "position": position}
        size = self._events_per_invoice
        return f"""
            INSERT INTO {_EVENTS} ({", ".join(columns)})
            SELECT {", ".join(fresh.get(column, f"t.{column}") for column in columns)}
            FROM (SELECT seq AS n, CONCAT('inv_', LPAD(LOWER(CONV(seq DIV {size}, 10, 32)), 26, '0')) AS invoice
                FROM seq_{first}_to_{last}) AS numbered
            JOIN bench_template AS t ON t.place = n MOD {size}
            ORDER BY n
        """

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        with contextlib.closing(servers.connect(self.url)) as connection, connection.cursor() as cursor:
            yield cursor
            connection.commit()
