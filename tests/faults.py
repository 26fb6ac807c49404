"""Faults for tests to inject: what a database does to a transaction at its worst moments."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

DEADLOCK = (1213, "Deadlock found when trying to get lock; try restarting transaction")
CONNECTION_LOST = (2013, "Lost connection to server during query")
LOCK_WAIT_TIMEOUT = (1205, "Lock wait timeout exceeded; try restarting transaction")


class Statements:
    """What a block did on this thread's connection: how many statements inside transactions, and faults injected."""

    def __init__(self) -> None:
        self.seen = 0
        self.faults = 0
        self.failed: list[str] = []


@contextlib.contextmanager
def deadlock_at(n: int, *, times: int | None = 1, using: str = DEFAULT_DB_ALIAS) -> Iterator[Statements]:
    """Make the n-th statement inside a transaction (from 1) the victim of a deadlock, and `times` - 1 after it.

    As a server does it: the whole transaction is really rolled back, then error 1213 is raised. `times=None` makes
    every statement from the n-th on a victim. Statements are those of this thread's connection, savepoints included.
    The block must start outside any transaction: use `transactional_db`, not `db`.
    """
    connection = connections[using]
    if connection.in_atomic_block:
        raise AssertionError("deadlock_at needs to start outside a transaction: mark the test transactional")
    statements = Statements()

    def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not connection.in_atomic_block:
            return execute(sql, params, many, context)
        statements.seen += 1
        due = statements.seen >= n and (times is None or statements.faults < times)
        if not due:
            return execute(sql, params, many, context)
        statements.faults += 1
        statements.failed.append(sql)
        connection.connection.rollback()
        raise OperationalError(*DEADLOCK)

    with connection.execute_wrapper(run):
        yield statements


@contextlib.contextmanager
def statements_counted(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[Statements]:
    """Count the statements inside transactions that a block runs, and inject nothing."""
    with deadlock_at(0, times=0, using=using) as statements:
        yield statements


@contextlib.contextmanager
def commit_answer_lost(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """The first commit inside a transaction of this thread's connection happens, and its answer never arrives."""
    connection = connections[using]
    commit = connection.commit

    def commit_then_lose() -> None:
        commit()
        connection.commit = commit  # type: ignore[method-assign]
        raise OperationalError(*CONNECTION_LOST)

    connection.commit = commit_then_lose  # type: ignore[method-assign]
    try:
        yield
    finally:
        connection.commit = commit  # type: ignore[method-assign]
