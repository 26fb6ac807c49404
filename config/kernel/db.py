"""Transactions. A use case opens the one outermost transaction here, and only here; a step requires one.

Why the retry stands around the outermost transaction and nowhere else: a deadlock (1213) rolls the whole transaction
back on the server. Caught further in, the block would go on and exit normally with nothing stored. See
docs/decisions/0003-transactions.md.
"""

import contextlib
import functools
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from django import db
from django.db import models
from django.db import transaction as django_transaction
from django.dispatch import Signal

from config.kernel import prepared
from config.kernel.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
BASE_BACKOFF_SECONDS = 0.05
ROLLED_BACK = {1020, 1205, 1213}
"""MySQL and MariaDB: record changed since last read, lock wait timeout, deadlock. The transaction may run again."""
CONNECTION_LOST = {1053, 1927, 2006, 2013}
"""Server shutting down, connection killed, server gone, connection lost during a statement."""

runs_again = Signal()
"""Sent with the database's error `code` before a transaction runs again."""


class NotInTransaction(Exception):
    """A step that needs its caller's transaction was called outside one."""


class _Unit:
    """What one outermost transaction still has to write before it commits; nothing where it is one statement."""

    def __init__(self, *, is_one_statement: bool) -> None:
        self.is_one_statement = is_one_statement
        self.rows: list[models.Model] = []
        self.callbacks: list[Callable[[], object]] = []
        self.floor = (0, 0)

    def mark(self) -> tuple[int, int]:
        return len(self.callbacks), len(self.rows)

    def rewind(self, mark: tuple[int, int]) -> None:
        del self.callbacks[mark[0] :]
        del self.rows[mark[1] :]

    def flush(self) -> None:
        while len(self.callbacks) > self.floor[0]:
            self.callbacks.pop(self.floor[0])()
        rows = self.rows[self.floor[1] :]
        self.rewind(self.floor)
        by_model: dict[type[models.Model], list[models.Model]] = {}
        for row in rows:
            by_model.setdefault(type(row), []).append(row)
        for group in by_model.values():
            prepared.insert(group)


_unit: ContextVar[_Unit | None] = ContextVar("unit", default=None)


def transaction(
    *, idempotent: bool | Callable[..., bool], is_one_statement: bool = False, looks_again: bool = False
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a use case: it runs in the outermost transaction, again from its start after a deadlock or lock timeout.

    `idempotent` says that running it again after a commit whose outcome is unknown does no harm (a key or a unique row
    makes the second run find the first); a function of the use case's arguments where that depends on them. One that
    `is_one_statement` leaves it to the database to commit that, which saves three trips to it; there is no transaction
    then, and steps that require one are refused. One that `looks_again` runs once more after an IntegrityError: what
    somebody else has written since it looked is seen then. Raises Unavailable when five attempts did not get through.
    """

    def decorate(use_case: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(use_case)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            repeatable = idempotent(*args, **kwargs) if callable(idempotent) else idempotent
            bound = functools.partial(use_case, *args, **kwargs)
            try:
                return _run(bound, idempotent=repeatable, is_one_statement=is_one_statement)
            except db.IntegrityError:
                if not looks_again:
                    raise
                return _run(bound, idempotent=repeatable, is_one_statement=is_one_statement)

        return run

    return decorate


def _run(use_case: Callable[[], T], *, idempotent: bool, is_one_statement: bool) -> T:
    outer = _unit.get()
    if outer is not None and (is_one_statement or outer.is_one_statement):
        raise RuntimeError("A use case runs in no other's transaction.")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        committing = is_one_statement
        unit = _Unit(is_one_statement=is_one_statement)
        token = _unit.set(unit)
        try:
            with contextlib.nullcontext() if is_one_statement else django_transaction.atomic(durable=True):
                result = use_case()
                unit.flush()
                committing = True
            return result
        except db.Error as error:
            if _code(error) in CONNECTION_LOST:
                db.connection.close_if_unusable_or_obsolete()
            if not _may_run_again(error, committing=committing, idempotent=idempotent):
                raise
            if attempt == MAX_ATTEMPTS:
                raise Unavailable() from error
            logger.warning("transaction rolled back, running it again (attempt %d): %s", attempt, error)
            runs_again.send(sender=None, code=_code(error))
        finally:
            _unit.reset(token)
        time.sleep(random.uniform(0, BASE_BACKOFF_SECONDS * 2**attempt))
    raise AssertionError("unreachable")


def _may_run_again(error: db.Error, *, committing: bool, idempotent: bool) -> bool:
    if _code(error) in ROLLED_BACK or "database is locked" in str(error) or "database table is locked" in str(error):
        return True
    return _code(error) in CONNECTION_LOST and (idempotent or not committing)


def _code(error: db.Error) -> object:
    return error.args[0] if error.args else None


def require_transaction() -> None:
    """The first line of a step: raises NotInTransaction when no use case has opened a transaction."""
    _current_unit()


def _current_unit() -> _Unit:
    unit = _unit.get()
    if unit is None or unit.is_one_statement:
        raise NotInTransaction(NotInTransaction.__doc__)
    return unit


@contextlib.contextmanager
def savepoint() -> Iterator[None]:
    """A part that can be rolled back alone. Catch IntegrityError or a domain error around it, no wider db.Error."""
    unit = _current_unit()
    floor, unit.floor = unit.floor, unit.mark()
    try:
        with django_transaction.atomic():
            yield
    except BaseException:
        unit.rewind(unit.floor)
        raise
    finally:
        unit.floor = floor


@contextlib.contextmanager
def one_insert() -> Iterator[None]:
    """As `savepoint`, for IntegrityError around one write and no other: the server undoes a refused one by itself."""
    unit = _current_unit()
    floor, unit.floor = unit.floor, unit.mark()
    told = len(db.connection.run_on_commit)
    try:
        yield
    except db.IntegrityError:
        django_transaction.set_rollback(False)
        del db.connection.run_on_commit[told:]
        unit.rewind(unit.floor)
        raise
    finally:
        unit.floor = floor


def insert_before_commit(row: models.Model) -> None:
    """Insert `row` in one bulk statement per model at the transaction's end: for rows the use case never reads back.

    Models are written in the order they first appear, so hand a parent over before its children.
    """
    _current_unit().rows.append(row)


def save(row: models.Model, *, update_fields: Sequence[str]) -> None:
    """Save `update_fields` of `row` now; one that waits for its insert will be inserted as it is then."""
    if not any(row is waiting for waiting in _current_unit().rows):
        row.save(update_fields=update_fields)


def before_commit(callback: Callable[[], object]) -> None:
    """Run `callback` inside the transaction just before it commits, ahead of the rows inserted then."""
    _current_unit().callbacks.append(callback)


def flush() -> None:
    """Write now what waits for the commit, as far as it came since the innermost savepoint: its errors surface here."""
    _current_unit().flush()


def after_commit(callback: Callable[[], None]) -> None:
    """Run `callback` once the transaction has committed; its errors are logged, never raised."""
    require_transaction()
    django_transaction.on_commit(callback, robust=True)
