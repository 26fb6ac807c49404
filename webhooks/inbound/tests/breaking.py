"""Breaking the transaction that applies an event, at a statement of choice, with an error of choice."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection


@contextlib.contextmanager
def raising_at(fragment: str, error: Exception) -> Iterator[list[str]]:
    """Raise `error` instead of running a statement that holds `fragment`; yields those that met this fate."""
    broken: list[str] = []

    def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if fragment not in sql:
            return execute(sql, params, many, context)
        broken.append(sql)
        raise error

    with connection.execute_wrapper(run):
        yield broken
