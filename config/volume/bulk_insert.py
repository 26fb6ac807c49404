"""Bulk inserts: many rows of one model in few statements, on MariaDB and SQLite."""

import collections
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from django.db import connection, models

Row = dict[str, Any]
"""Values by column, as the database takes them: hexadecimal ids, instants as text. Columns left out have defaults."""


class Rows:
    """Rows of many models that are written in one transaction. All rows of one model name the same columns."""

    def __init__(self) -> None:
        self._by_model: dict[type[models.Model], list[Row]] = collections.defaultdict(list)

    def add(self, model: type[models.Model], **columns: Any) -> Row:
        """The row as it will be written: what is changed in it before that counts."""
        self._by_model[model].append(columns)
        return columns

    def of(self, model: type[models.Model]) -> list[Row]:
        """By primary key, which is the order of time and the fastest to insert."""
        return sorted(self._by_model[model], key=itemgetter("id"))


def insert(model: type[models.Model], rows: Sequence[Row]) -> int:
    """How many rows there were. Requires a transaction."""
    if not rows:
        return 0
    columns = tuple(rows[0])
    defaults = _defaults(model, columns)
    names = ", ".join(connection.ops.quote_name(name) for name in (*columns, *defaults))
    placeholders = ", ".join(["%s"] * (len(columns) + len(defaults)))
    values, constants = itemgetter(*columns), tuple(defaults.values())
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({placeholders})",
            [values(row) + constants for row in rows],
        )
    return len(rows)


def _defaults(model: type[models.Model], columns: Sequence[str]) -> Row:
    """Of the columns that are not given; those without a default are NULL anyway."""
    return {
        str(field.column): field.get_db_prep_save(field.get_default(), connection)
        for field in model._meta.concrete_fields
        if field.column not in columns and field.get_default() is not None
    }


def analyze(tables: Sequence[type[models.Model]]) -> None:
    """Have MariaDB look at how full its tables are now; left alone it finds out some time later."""
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE TABLE {', '.join(model._meta.db_table for model in tables)}")
            cursor.fetchall()
