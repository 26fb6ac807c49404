"""Statements that the hot paths repeat, built once: the SQL is Django's, and so are the converters and the rows.

Compiling a SELECT of thirty columns takes Django longer than MariaDB takes to answer it. What is asked rarely, or
differently each time, stays a QuerySet: docs/decisions/0010-web-path.md.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler

from config.kernel.errors import NotFound

Row = TypeVar("Row", bound=models.Model)
Parent = TypeVar("Parent", bound=models.Model)


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where among the parameters of a statement the value of a field goes."""

    number: int


class Select(Generic[Row]):
    """The rows of a queryset whose `fields` have the values given to `one` or `all`; whole rows, with annotations."""

    def __init__(self, rows: models.QuerySet[Row], *fields: str, limit: int | None = None) -> None:
        for number, field in enumerate(fields):
            rows = rows.filter(**{field: RawSQL("%s", (_Place(number),))})
        self._rows = rows[:limit]
        self._fields: list[Any] = [rows.model._meta.get_field(name) for name in fields]
        self._compiled: tuple[str, list[Any], _Columns] | None = None

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
            given = _parameters(self._fields, values, connection)
        except ValidationError:
            return []
        if self._compiled is None:
            self._compiled = self._compile(connection)
        sql, places, columns = self._compiled
        parameters = [given[place.number] if isinstance(place, _Place) else place for place in places]
        return [columns.read(row, connection) for row in _fetch(connection, sql, parameters)]

    def _compile(self, connection: BaseDatabaseWrapper) -> tuple[str, list[Any], _Columns]:
        compiler = self._rows.query.get_compiler(connection=connection)
        sql, places = compiler.as_sql()
        assert not compiler.query.select_related, sql
        return sql, list(places), _Columns(self._rows.model, compiler, connection)


class LockedPair(Generic[Parent, Row]):
    """A parent and one of its rows, locked in this order by one statement; with `skip_locked` not waited for."""

    def __init__(self, parent: type[Parent], child: type[Row], foreign_key: str, *, skip_locked: bool = False) -> None:
        self._models = parent, child
        self._skip_locked = skip_locked
        self._foreign_key: Any = child._meta.get_field(foreign_key)
        self._compiled: tuple[str, _Columns, _Columns] | None = None

    def one(self, parent_key: Any, child_key: Any) -> tuple[Parent, Row] | None:
        """Both rows, of which the second refers to the first; None when there are none such, or none to be had."""
        connection = connections[DEFAULT_DB_ALIAS]
        keys = [model._meta.pk for model in self._models]
        parameters = _parameters(keys, (parent_key, child_key), connection)
        if self._compiled is None:
            self._compiled = self._compile(connection)
        sql, parents, children = self._compiled
        row = next(iter(_fetch(connection, sql, parameters)), None)
        if row is None:
            return None
        found, referring = parents.read(row, connection), children.read(row[parents.width :], connection)
        setattr(referring, self._foreign_key.name, found)
        return found, referring

    def _compile(self, connection: BaseDatabaseWrapper) -> tuple[str, _Columns, _Columns]:
        """Tables are read, and so rows locked, in the order in which they are named: both are found by primary key."""
        compilers = [model._default_manager.all().query.get_compiler(connection=connection) for model in self._models]
        parents, children = (
            _Columns(model, compiler, connection) for model, compiler in zip(self._models, compilers, strict=True)
        )
        parent, child = (_quoted(model._meta.db_table) for model in self._models)
        parent_key, child_key = (f"{_quoted(m._meta.db_table)}.{_quoted(m._meta.pk.column)}" for m in self._models)
        reference = f"{child}.{_quoted(self._foreign_key.column)}"
        skip = " SKIP LOCKED" if self._skip_locked else ""
        lock = f"FOR UPDATE{skip}" if connection.features.has_select_for_update else ""
        sql = (
            f"SELECT {parents.sql}, {children.sql} FROM {parent} JOIN {child} ON {reference} = {parent_key}"
            f" WHERE {parent_key} = %s AND {child_key} = %s {lock}"
        )
        return sql, parents, children


class _Columns:
    """All columns of a model as a compiled query names them, and how one of its rows becomes an object."""

    def __init__(self, model: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> None:
        if compiler.select is None:
            compiler.setup_query()
        selected: Any = compiler.select
        columns = [column for column, _, _ in selected]
        self._model = model
        self._annotations = compiler.annotation_col_map or {}
        self._names = [column.target.attname for column in columns[: len(columns) - len(self._annotations)]]
        self._converters = [
            (at, [_unbound(convert, connection) for convert in each], column)
            for at, (each, column) in compiler.get_converters(columns).items()
        ]
        self.sql = ", ".join(sql for _, (sql, _), _ in selected)
        self.width = len(columns)

    def read(self, row: Sequence[Any], connection: BaseDatabaseWrapper) -> Any:
        values = list(row[: self.width])
        for at, functions, column in self._converters:
            for convert in functions:
                bound = getattr(connection.ops, convert) if isinstance(convert, str) else convert
                values[at] = bound(values[at], column, connection)
        found = self._model.from_db(DEFAULT_DB_ALIAS, self._names, values[: len(self._names)])
        for name, at in self._annotations.items():
            setattr(found, name, values[at])
        return found


def _parameters(fields: Sequence[Any], values: Sequence[Any], connection: BaseDatabaseWrapper) -> list[Any]:
    return [
        field.get_db_prep_value(field.get_prep_value(value), connection)
        for field, value in zip(fields, values, strict=True)
    ]


def _fetch(connection: BaseDatabaseWrapper, sql: str, parameters: Sequence[Any]) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: Sequence[Any] = cursor.fetchall()
        return rows


def _unbound(convert: Any, connection: BaseDatabaseWrapper) -> Any:
    """A converter of the backend by its name: kept as it is, it would keep this thread's connection open for ever."""
    return convert.__name__ if getattr(convert, "__self__", None) is connection.ops else convert


class PreparedModel(models.Model):
    """A model whose `save()` does not compile its INSERT and UPDATE anew; all else about saving is Django's."""

    class Meta:
        abstract = True

    def _do_insert(self, manager: Any, using: Any, fields: Any, returning_fields: Any, raw: bool) -> Any:
        values = [getattr(self, field.attname) for field in returning_fields]
        computed = any(value is None or _is_expression(value) for value in values)
        if raw or computed or using != DEFAULT_DB_ALIAS:
            return super()._do_insert(manager, using, fields, returning_fields, raw)  # type: ignore[misc]
        insert([self])
        return []

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *more: Any) -> Any:
        computed = any(_is_expression(value) for _, _, value in values)
        if computed or not values or using != DEFAULT_DB_ALIAS:
            return super()._do_update(base_qs, using, pk_val, values, *more)
        return _update(type(self), pk_val, [(field, value) for field, _, value in values])


def _is_expression(value: object) -> bool:
    """Something that the database computes."""
    return hasattr(value, "resolve_expression")


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
