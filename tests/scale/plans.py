"""What MariaDB means to do with each statement of a use case: captured as it runs, then explained."""

import contextlib
import dataclasses
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from django.db import connection

MANY_ROWS = 1200
"""More than any list shows or counts, and far fewer than the full tables hold."""


_noted: ContextVar["list[Statement] | None"] = ContextVar("noted", default=None)


@dataclasses.dataclass(frozen=True)
class Statement:
    """Equal to another that asks the same."""

    sql: str
    parameters: Any = dataclasses.field(compare=False)
    written: str


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that would take longer on a fuller database."""

    what: str
    sql: str

    def __str__(self) -> str:
        return f"{self.what}: {self.sql[:1500]}"


@contextlib.contextmanager
def captured() -> Iterator[list[Statement]]:
    """Every SELECT, UPDATE and DELETE inside the block; what only inserts has nothing to plan."""
    found: list[Statement] = []
    token = _noted.set(found)

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if (
            sql.lstrip().split(None, 1)[0].upper() in {"SELECT", "UPDATE", "DELETE", "(SELECT"}
            and _noted.get() is found
        ):
            found.append(Statement(sql, parameters, repr(parameters)))
        return execute(sql, parameters, many, context)

    try:
        with connection.execute_wrapper(note):
            yield found
    finally:
        _noted.reset(token)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """What the test itself asks, to find something to run the use case on."""
    token = _noted.set(None)
    try:
        yield
    finally:
        _noted.reset(token)


def problems(statement: Statement) -> list[Problem]:
    """Full scans, sorts and long reads of a table with many rows; each as "<what> of <table> (<rows> rows)".

    A SELECT is run once more, which tells how many rows each step really read: a LIMIT may end a scan early.
    """
    verb = "ANALYZE" if "SELECT" in statement.sql[:8] else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{verb} {statement.sql}", statement.parameters)
        names = [column[0] for column in cursor.description]
        plan = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [
        Problem(f"{what} of {_table(step, statement.sql)} ({_rows(step)} rows)", statement.sql)
        for step in plan
        for what in _wrong(step)
    ]


def _wrong(step: dict[str, Any]) -> Iterator[str]:
    if str(step["table"]).startswith("<") or _rows(step) <= MANY_ROWS:
        return
    yield "scan" if step["type"] in ("ALL", "index") else "long read"
    if "filesort" in (step["Extra"] or ""):
        yield "sort"


def _rows(step: dict[str, Any]) -> int:
    """Read, where that is known, else expected: "60 (6%)" where a second index filters them.

    Of what is sorted only those that are left over are said to be read.
    """
    read, expected = (float(str(rows or 0).split()[0]) for rows in (step.get("r_rows"), step["rows"]))
    if step.get("r_rows") is None or "filesort" in (step["Extra"] or ""):
        return int(max(read, expected))
    return int(read)


def _table(step: dict[str, Any], sql: str) -> str:
    """MariaDB says the alias."""
    alias = str(step["table"])
    words = sql.replace("`", "").replace("(", " ").replace(")", " ").replace(",", " ").split()
    for name, following in zip(words, [*words[1:], ""], strict=True):
        if following == alias and "_" in name and "." not in name:
            return name
    return alias
