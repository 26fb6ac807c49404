"""Rows of a real payment, copied with fresh ids: what the raw-SQL floor writes, and stock for the webhooks.

The service makes one payment; its rows are read back, and every id, key digest and id inside a text becomes a place
that a copy fills anew. So a copy has the columns the service writes today, whatever they are.
"""

import dataclasses
import functools
import re
import secrets
from collections.abc import Sequence
from typing import Any

from django.db import connection, models

from config.kernel import ids
from config.kernel.fields import PrefixedIdField
from outbox.models import OutboxEvent
from outbox.services import shard_of

SHORTEST_ID = 26
Ids = dict[str, str]
"""What stood in the original → what stands in this copy."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of one table, inserted by one statement."""

    statement: str
    values: tuple[Any, ...]
    shards: tuple[tuple[int, int], ...]
    """(where an event's shard stands, where the aggregate id stands that it follows from) for each event."""


class Original:
    """Rows that belong together."""

    def __init__(self) -> None:
        self._public: dict[str, str] = {}
        self._digests: set[str] = set()

    def read(self, *rows: models.Model) -> Rows:
        """Rows of one model, as the database holds them at this moment."""
        for row in rows:
            key = row._meta.pk
            assert isinstance(key, PrefixedIdField)
            self._public[row.pk] = key.prefix
            if digest := getattr(row, "idempotency_key_digest", None):
                self._digests.add(digest)
        return _read(rows)

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._public)))

    def fresh(self) -> Ids:
        """Ids for one copy. Everything has been read by now."""
        made: Ids = {digest: secrets.token_hex(32) for digest in self._digests}
        for public, prefix in self._public.items():
            new = ids.new_uuid()
            made[public] = ids.encode(prefix, new)
            made[str(ids.decode(prefix, public))] = str(new)
        return made

    def copy(self, rows: Rows, ids: Ids) -> list[Any]:
        """The values of `rows` with `ids` in them."""
        values = [self.fill(value, ids) for value in rows.values]
        for shard, aggregate_id in rows.shards:
            values[shard] = shard_of(values[aggregate_id])
        return values

    def fill(self, value: Any, ids: Ids) -> Any:
        """One value, which may be a text with ids in it."""
        if not isinstance(value, str) or len(value) < SHORTEST_ID:
            return value
        return ids.get(value) or self._pattern.sub(lambda match: ids[match.group()], value)


def _read(group: Sequence[models.Model]) -> Rows:
    meta = group[0]._meta
    fields = meta.concrete_fields
    columns = ", ".join(f"`{field.column}`" for field in fields)
    values: list[Any] = []
    with connection.cursor() as cursor:
        for row in group:
            key = meta.pk.get_db_prep_value(row.pk, connection)
            cursor.execute(f"SELECT {columns} FROM {meta.db_table} WHERE {meta.pk.column} = %s", [key])
            values += cursor.fetchone()
    one = f"({', '.join(['%s'] * len(fields))})"
    statement = f"INSERT INTO {meta.db_table} ({columns}) VALUES {', '.join([one] * len(group))}"
    return Rows(statement, tuple(values), _shards(group, [field.name for field in fields]))


def _shards(group: Sequence[models.Model], names: list[str]) -> tuple[tuple[int, int], ...]:
    if not isinstance(group[0], OutboxEvent):
        return ()
    starts = range(0, len(group) * len(names), len(names))
    return tuple((start + names.index("shard"), start + names.index("aggregate_id")) for start in starts)
