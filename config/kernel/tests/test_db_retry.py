"""A transaction that the database rolled back runs again from its start."""

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection

from config.kernel import db
from config.kernel.errors import Unavailable
from config.kernel.tests.models import Shelf
from config.kernel.tests.shelves import names, put
from tests.faults import DEADLOCK, LOCK_WAIT_TIMEOUT, deadlock_at, statements_counted

pytestmark = pytest.mark.usefixtures("tables", "no_backoff")


def test_a_deadlock_at_any_statement_loses_nothing() -> None:
    """Whichever statement is the victim, the use case runs again from its start and its rows are there once."""
    with statements_counted() as statements:
        put("count-a", "count-b")
    Shelf.objects.all().delete()
    for n in range(1, statements.seen + 1):
        with deadlock_at(n) as fault:
            assert put("a", "b") == "done"
        assert (fault.faults, names()) == (1, ["a", "b"])
        Shelf.objects.all().delete()


def test_a_deadlock_while_what_waited_is_written_loses_nothing() -> None:
    """Rows handed over for the commit are handed over again by the second run, once."""

    @db.transaction(idempotent=True)
    def hand_over() -> None:
        db.before_commit(lambda: Shelf.objects.create(name="called"))
        db.insert_before_commit(Shelf(name="inserted"))

    with deadlock_at(2) as fault:
        hand_over()
    assert (fault.faults, names()) == (1, ["called", "inserted"])


def test_endless_deadlocks_end_in_unavailable() -> None:
    """Five attempts, then an error that becomes a 503, and nothing stored."""
    with deadlock_at(1, times=None) as fault, pytest.raises(Unavailable):
        put("a")
    assert fault.faults == db.MAX_ATTEMPTS
    assert names() == []


def test_the_fifth_attempt_may_still_get_through() -> None:
    """Four deadlocks are survived."""
    with deadlock_at(1, times=db.MAX_ATTEMPTS - 1):
        put("a")
    assert names() == ["a"]


def test_each_retry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Operators see how often transactions collide."""
    with caplog.at_level(logging.WARNING, "config.kernel.db"), deadlock_at(1, times=2):
        put("a")
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == [1, 2]


def test_the_backoff_grows_and_has_full_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is drawn between zero and a bound that doubles, so colliding callers spread out."""
    bounds: list[tuple[float, float]] = []
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0.001)

    def shortest(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    monkeypatch.setattr(random, "uniform", shortest)
    with deadlock_at(1, times=None), pytest.raises(Unavailable):
        put("a")
    assert bounds == [(0, 0.002), (0, 0.004), (0, 0.008), (0, 0.016)]


@pytest.mark.parametrize("code", [1020, 1205, 1213])
@pytest.mark.parametrize("idempotent", [True, False])
def test_what_the_server_rolled_back_runs_again(code: int, idempotent: bool) -> None:
    """A transaction that certainly did not commit may always run again."""
    runs = []

    @db.transaction(idempotent=idempotent)
    def flaky() -> None:
        runs.append(1)
        Shelf.objects.create(name=f"run-{len(runs)}")
        if len(runs) == 1:
            raise OperationalError(code, "injected")

    flaky()
    assert names() == ["run-2"]


@pytest.mark.parametrize(
    "error", [OperationalError(1040, "Too many connections"), OperationalError("no code"), OperationalError()]
)
def test_any_other_database_error_leaves_at_once(error: OperationalError) -> None:
    """What is not known to pass by is not repeated."""
    runs = []

    @db.transaction(idempotent=True)
    def broken() -> None:
        runs.append(1)
        raise error

    with pytest.raises(OperationalError):
        broken()
    assert runs == [1]


def test_a_lock_wait_timeout_does_not_keep_the_first_half() -> None:
    """MariaDB rolls back only the statement that timed out; the kernel rolls back the rest before the second run."""
    runs = []

    @db.transaction(idempotent=True)
    def slow() -> None:
        runs.append(1)
        Shelf.objects.create(name="first")
        if len(runs) < 3:
            raise OperationalError(*LOCK_WAIT_TIMEOUT)

    slow()
    assert (len(runs), names()) == (3, ["first"])


def test_one_statement_is_committed_by_the_database_and_run_again_after_a_deadlock() -> None:
    """No transaction is opened around it, yet a deadlock costs nothing."""

    @db.transaction(idempotent=True, is_one_statement=True)
    def rename() -> tuple[int, bool]:
        return Shelf.objects.filter(name="a").update(name="b"), connection.in_atomic_block

    put("a")
    answers = iter([OperationalError(*DEADLOCK), None])

    def run(execute: Callable[..., Any], *statement: Any) -> Any:
        if error := next(answers):
            raise error
        return execute(*statement)

    with connection.execute_wrapper(run):
        assert rename() == (1, False)
    assert names() == ["b"]


def test_one_statement_is_refused_in_another_use_case() -> None:
    """There it would be committed with the other's, or rolled back with it."""

    @db.transaction(idempotent=True)
    def outer() -> None:
        db.transaction(idempotent=True, is_one_statement=True)(names)()

    with pytest.raises(RuntimeError, match="use case"):
        outer()


def test_a_use_case_inside_one_statement_is_refused() -> None:
    """It would be one more statement, and committed alone."""
    one = db.transaction(idempotent=True, is_one_statement=True)(lambda: put("a"))
    with pytest.raises(RuntimeError, match="use case"):
        one()
    assert names() == []


def test_what_looks_again_finds_what_another_has_written_since() -> None:
    """Once, from its start: what it had written before is rolled back, and a second refusal comes out."""
    seen: list[list[str]] = []

    @db.transaction(idempotent=False, looks_again=True)
    def write_unless_there(*others: str) -> None:
        seen.append(names())
        Shelf.objects.create(name="before")
        if len(seen) <= len(others):
            raise IntegrityError(others[len(seen) - 1])

    write_unless_there("a")
    assert (seen, names()) == ([[], []], ["before"])
    Shelf.objects.all().delete()
    seen.clear()
    with pytest.raises(IntegrityError, match="second"):
        write_unless_there("first", "second")
    assert (len(seen), names()) == (2, [])


def test_what_does_not_look_again_hands_its_refusal_on() -> None:
    """The rule: a constraint that breaks is an error."""
    tries: list[int] = []

    @db.transaction(idempotent=True)
    def write() -> None:
        tries.append(1)
        raise IntegrityError

    with pytest.raises(IntegrityError):
        write()
    assert len(tries) == 1
