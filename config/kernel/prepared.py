"""Statements that the hot paths repeat, built once: the SQL is Django's, and so are the converters and the rows.

Compiling a SELECT of thirty columns takes Django longer than MariaDB takes to answer it. What is asked rarely, or
differently each time, stays a QuerySet: docs/decisions/0010-web-path.md.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL

from config.kernel.errors import NotFound

Row = TypeVar("Row", bound=models.Model)


class Select(Generic[Row]):
    """The rows of a queryset whose `fields` have the values given to `one` or `all`; whole rows of one table."""

    def __init__(self, rows: models.QuerySet[Row], *fields: str, limit: int | None = None) -> None:
        self._rows = rows
        self._limit = limit
        self._fields: list[Any] = [rows.model._meta.get_field(name) for name in fields]
        self._compiled: dict[str, tuple[str, Any, list[str]]] = {}

    def one(self, *values: Any) -> Row | None:
        """The first such row, or None; also for a value that is nobody's, like an id of another form."""
        return next(iter(self.all(*values)), None)

    def one_or(self, missing: type[NotFound], public_id: str) -> Row:
        """The row with this id; raises `missing`, with the attribute `id`."""
        row = self.one(public_id)
        if row is None:
            raise missing(id=public_id)
        return row

    def all(self, *values: Any) -> list[Row]:
        """Such rows, in the queryset's order."""
        connection = connections[DEFAULT_DB_ALIAS]
        try:
            parameters = [
                field.get_db_prep_value(field.get_prep_value(value), connection)
                for field, value in zip(self._fields, values, strict=True)
            ]
        except ValidationError:
            return []
        sql, converters, names = self._compiled.get(connection.vendor) or self._compile(connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found = cursor.fetchall()
        make = self._rows.model.from_db
        return [make(DEFAULT_DB_ALIAS, names, _converted(row, converters, connection)) for row in found]

    def _compile(self, connection: BaseDatabaseWrapper) -> tuple[str, Any, list[str]]:
        """By vendor: SQLite has no FOR UPDATE and no UUIDs."""
        rows = self._rows
        for field in self._fields:
            rows = rows.filter(**{field.name: RawSQL("%s", ())})
        query = rows[: self._limit].query
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        assert not parameters, sql
        assert not query.select_related, sql
        columns = [column for column, _, _ in compiler.select]
        converters = [
            (at, [_unbound(convert, connection) for convert in each], column)
            for at, (each, column) in compiler.get_converters(columns).items()
        ]
        compiled = sql, converters, [column.target.attname for column in columns]
        self._compiled[connection.vendor] = compiled
        return compiled


def _converted(row: Sequence[Any], converters: Any, connection: BaseDatabaseWrapper) -> list[Any]:
    values = list(row)
    for at, functions, column in converters:
        for convert in functions:
            bound = getattr(connection.ops, convert) if isinstance(convert, str) else convert
            values[at] = bound(values[at], column, connection)
    return values


def _unbound(convert: Any, connection: BaseDatabaseWrapper) -> Any:
    """A converter of the backend by its name: kept as it is, it would keep this thread's connection open for ever."""
    return convert.__name__ if getattr(convert, "__self__", None) is connection.ops else convert


class PreparedModel(models.Model):
    """A model whose `save()` does not compile its INSERT and UPDATE anew; all else about saving is Django's."""

    class Meta:
        abstract = True

    def _do_insert(self, manager: Any, using: Any, fields: Any, returning_fields: Any, raw: bool) -> Any:
        if raw or returning_fields or using != DEFAULT_DB_ALIAS:
            return super()._do_insert(manager, using, fields, returning_fields, raw)  # type: ignore[misc]
        insert([self])
        return []

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *more: Any) -> Any:
        computed = any(hasattr(value, "resolve_expression") for _, _, value in values)
        if computed or not values or using != DEFAULT_DB_ALIAS:
            return super()._do_update(base_qs, using, pk_val, values, *more)
        return _update(type(self), pk_val, [(field, value) for field, _, value in values])


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model in one statement, without `save()`. Their keys are set, and no field sets itself."""
    connection, model = connections[DEFAULT_DB_ALIAS], type(rows[0])
    fields = model._meta.concrete_fields
    parameters = [_stored(field, getattr(row, field.attname), connection) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_insert_sql(model, len(rows), connection.vendor), parameters)
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _update(model: type[models.Model], key: Any, values: list[tuple[Any, Any]]) -> bool:
    """Whether the row is there."""
    assert model._meta.pk is not None
    connection = connections[DEFAULT_DB_ALIAS]
    parameters = [_stored(field, value, connection) for field, value in [*values, (model._meta.pk, key)]]
    columns = tuple(field.column for field, _ in values)
    with connection.cursor() as cursor:
        cursor.execute(_update_sql(model, columns, connection.vendor), parameters)
        return bool(cursor.rowcount)


_AS_THEY_ARE = {str: models.CharField.get_prep_value, int: models.IntegerField.get_prep_value}
"""By type: the conversion that leaves a value of that very type alone. Most values of a row need no other."""


def _stored(field: Any, value: Any, connection: BaseDatabaseWrapper) -> Any:
    if value is None or type(field).get_prep_value is _AS_THEY_ARE.get(type(value)):
        return value
    return field.get_db_prep_save(value, connection)


@functools.lru_cache(maxsize=512)
def _insert_sql(model: type[models.Model], rows: int, vendor: str) -> str:
    fields: Any = model._meta.concrete_fields
    assert not any(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False) for field in fields)
    columns = [_quoted(field.column) for field in fields]
    places = f"({', '.join(['%s'] * len(columns))})"
    return f"INSERT INTO {_quoted(model._meta.db_table)} ({', '.join(columns)}) VALUES {', '.join([places] * rows)}"


@functools.lru_cache(maxsize=512)
def _update_sql(model: type[models.Model], columns: tuple[str, ...], vendor: str) -> str:
    assert model._meta.pk is not None
    changes = ", ".join(f"{_quoted(column)} = %s" for column in columns)
    return f"UPDATE {_quoted(model._meta.db_table)} SET {changes} WHERE {_quoted(model._meta.pk.column)} = %s"


def _quoted(name: str | None) -> str:
    assert name is not None
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(name)
