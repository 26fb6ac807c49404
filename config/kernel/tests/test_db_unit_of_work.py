"""A use case commits or rolls back as one; what waits for the commit, and what follows it."""

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection

from config.kernel import db
from config.kernel.tests.models import Box, Shelf
from config.kernel.tests.shelves import Full, names, put
from tests.faults import deadlock_at, statements_counted

pytestmark = pytest.mark.usefixtures("tables", "no_backoff")


def test_a_use_case_commits_and_returns() -> None:
    """The result comes back once the rows are stored."""
    assert put("a", "b") == "done"
    assert names() == ["a", "b"]


def test_a_domain_error_rolls_everything_back() -> None:
    """Nothing half-written stays, and the error reaches the caller unchanged."""

    @db.transaction(idempotent=True)
    def fail() -> None:
        Shelf.objects.create(name="a")
        raise Full

    with pytest.raises(Full):
        fail()
    assert names() == []


def test_an_integrity_error_is_not_retried() -> None:
    """Running again would only fail again."""
    runs = []

    @db.transaction(idempotent=True)
    def collide() -> None:
        runs.append(1)
        Shelf.objects.create(name="a")
        Shelf.objects.create(name="a")

    with pytest.raises(IntegrityError):
        collide()
    assert (runs, names()) == ([1], [])


def test_a_use_case_keeps_its_name_and_docstring() -> None:
    """Decorating hides nothing from readers and tools."""

    @db.transaction(idempotent=True)
    def named() -> None:
        """Says what it does."""

    assert (named.__name__, named.__doc__) == ("named", "Says what it does.")


def test_a_use_case_inside_another_is_refused() -> None:
    """There is one outermost transaction: a use case never runs as a part of another."""

    @db.transaction(idempotent=True)
    def outer() -> None:
        put("inner")

    with pytest.raises(RuntimeError, match="durable"):
        outer()
    assert names() == []


@pytest.mark.parametrize(
    "step",
    [
        db.require_transaction,
        db.flush,
        lambda: db.insert_before_commit(Shelf(name="a")),
        lambda: db.before_commit(lambda: None),
        lambda: db.after_commit(lambda: None),
        lambda: db.savepoint().__enter__(),
        lambda: db.one_insert().__enter__(),
        lambda: db.save(Shelf(name="a"), update_fields=["name"]),
    ],
    ids=[
        "require_transaction",
        "flush",
        "insert_before_commit",
        "before_commit",
        "after_commit",
        "savepoint",
        "one_insert",
        "save",
    ],
)
def test_a_step_outside_a_transaction_is_refused(step: Callable[[], object]) -> None:
    """What needs the caller's transaction says so instead of committing alone, also in a use case that has none."""
    with pytest.raises(db.NotInTransaction):
        step()
    with pytest.raises(db.NotInTransaction):
        db.transaction(idempotent=True, is_one_statement=True)(step)()


def test_a_step_after_a_use_case_is_refused_again() -> None:
    """The transaction ends with its use case."""
    put("a")
    with pytest.raises(db.NotInTransaction):
        db.require_transaction()


def test_rows_wait_for_the_end_and_go_in_one_statement_per_model() -> None:
    """Three rows of two models are two inserts, parents first."""
    shelves = [Shelf(name="a"), Shelf(name="b")]

    @db.transaction(idempotent=True)
    def hand_over() -> int:
        db.insert_before_commit(shelves[0])
        db.insert_before_commit(Box(shelf=shelves[0], label="in a"))
        db.insert_before_commit(shelves[1])
        return Shelf.objects.count()

    with statements_counted() as statements:
        assert hand_over() == 0
    assert names() == ["a", "b"]
    assert Box.objects.get().shelf_id == shelves[0].pk
    assert statements.seen == 3


def test_callbacks_run_in_order_ahead_of_the_rows() -> None:
    """A callback sees the transaction's own writes but not the rows that wait."""
    seen: list[tuple[str, list[str]]] = []

    @db.transaction(idempotent=True)
    def hand_over() -> None:
        db.insert_before_commit(Shelf(name="waiting"))
        db.before_commit(lambda: seen.append(("first", names())))
        db.before_commit(lambda: seen.append(("second", names())))
        Shelf.objects.create(name="written")

    hand_over()
    assert seen == [("first", ["written"]), ("second", ["written"])]
    assert names() == ["waiting", "written"]


def test_what_a_callback_hands_over_is_written_too() -> None:
    """A callback may register rows and callbacks of its own; none is lost."""

    @db.transaction(idempotent=True)
    def hand_over() -> None:
        def again() -> None:
            db.insert_before_commit(Shelf(name="row"))
            db.before_commit(lambda: Shelf.objects.create(name="callback"))

        db.before_commit(again)

    hand_over()
    assert names() == ["callback", "row"]


def test_an_error_in_a_callback_rolls_back() -> None:
    """What must be true at the commit prevents it otherwise."""

    def refuse() -> None:
        raise Full

    @db.transaction(idempotent=True)
    def hand_over() -> None:
        Shelf.objects.create(name="a")
        db.before_commit(refuse)

    with pytest.raises(Full):
        hand_over()
    assert names() == []


def test_flush_writes_each_row_once() -> None:
    """What was flushed does not wait for the commit any more."""

    @db.transaction(idempotent=True)
    def flush_early() -> list[str]:
        db.insert_before_commit(Shelf(name="a"))
        db.flush()
        return names()

    assert flush_early() == ["a"]
    assert names() == ["a"]


def test_after_commit_runs_once_the_rows_are_visible() -> None:
    """Another connection would see them by then."""
    seen: list[tuple[bool, list[str]]] = []

    @db.transaction(idempotent=True)
    def tell() -> None:
        db.after_commit(lambda: seen.append((connection.in_atomic_block, names())))
        Shelf.objects.create(name="a")
        assert seen == []

    tell()
    assert seen == [(False, ["a"])]


def test_after_commit_is_dropped_with_its_attempt() -> None:
    """A retried transaction tells once; a failed one never."""
    told: list[int] = []

    @db.transaction(idempotent=True)
    def tell() -> None:
        db.after_commit(lambda: told.append(1))
        Shelf.objects.create(name="a")

    with deadlock_at(1, times=2):
        tell()
    assert told == [1]
    with pytest.raises(IntegrityError):
        tell()
    assert told == [1]


def test_an_error_after_the_commit_reaches_nobody_but_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The commit stands, so the caller gets its result, and later callbacks run."""
    told: list[int] = []

    def fail() -> None:
        raise RuntimeError("the broker is away")

    @db.transaction(idempotent=True)
    def tell() -> str:
        db.after_commit(fail)
        db.after_commit(lambda: told.append(1))
        Shelf.objects.create(name="a")
        return "stored"

    assert tell() == "stored"
    assert (told, names()) == ([1], ["a"])
    assert "the broker is away" in caplog.text


def test_threads_have_transactions_of_their_own() -> None:
    """A step in another thread does not join a transaction it cannot see."""
    refused: list[bool] = []

    def step() -> None:
        try:
            db.require_transaction()
        except db.NotInTransaction:
            refused.append(True)

    @db.transaction(idempotent=True)
    def use_case() -> None:
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()

    use_case()
    assert refused == [True]


def test_saving_a_row_that_waits_for_its_insert_costs_nothing() -> None:
    """It is inserted as it stands at the end; once it is there, or after a savepoint took it back, it is saved."""

    @db.transaction(idempotent=True)
    def rename() -> None:
        shelf = Shelf(name="first")
        db.insert_before_commit(shelf)
        shelf.name = "second"
        db.save(shelf, update_fields=["name"])
        assert names() == []
        db.flush()
        assert names() == ["second"]
        shelf.name = "third"
        db.save(shelf, update_fields=["name"])
        assert names() == ["third"]

    rename()
    assert names() == ["third"]
