"""What only a real server does: deadlocks between two connections, lock timeouts, connections lost at any moment."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, Error, OperationalError, connection, connections

from config.kernel import db
from config.kernel.errors import Unavailable
from config.kernel.tests.models import Shelf

pytestmark = [
    pytest.mark.usefixtures("tables"),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="needs two connections to MariaDB"),
]


def names() -> list[str]:
    return sorted(Shelf.objects.values_list("name", flat=True))


def in_thread(work: Callable[[], Any]) -> Any:
    """Run `work` on a connection of its own and close it."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=60)


def kill(connection_id: int) -> None:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"KILL {connection_id}")

    in_thread(run)


def own_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        return int(cursor.fetchone()[0])


def test_two_crossing_use_cases_both_commit() -> None:
    """A real deadlock: each holds what the other wants; the victim runs again after the other is done."""
    for name in ("left", "right"):
        Shelf.objects.create(name=name)
    both_hold_one = threading.Barrier(2, timeout=30)
    attempts: list[str] = []

    @db.transaction(idempotent=True)
    def take(first: str, second: str) -> None:
        attempts.append(first)
        add_one(first)
        if attempts.count(first) == 1:
            both_hold_one.wait()
        add_one(second)

    def add_one(name: str) -> None:
        shelf = Shelf.objects.select_for_update().get(name=name)
        shelf.amount += 1
        shelf.save()

    def run(first: str, second: str) -> None:
        try:
            take(first, second)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(run, "left", "right"), pool.submit(run, "right", "left")]:
            future.result(timeout=60)
    assert list(Shelf.objects.values_list("amount", flat=True)) == [2, 2]
    assert len(attempts) == 3


@contextmanager
def lock_held_elsewhere(name: str) -> Iterator[threading.Event]:
    """Another connection holds the row's lock until the event is set."""
    held, release = threading.Event(), threading.Event()

    @db.transaction(idempotent=True)
    def hold() -> None:
        Shelf.objects.select_for_update().get(name=name)
        held.set()
        release.wait(60)

    def hold_and_close() -> None:
        hold()
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(hold_and_close)
        assert held.wait(10)
        try:
            yield release
        finally:
            release.set()
            future.result(timeout=10)


@contextmanager
def lock_wait_timeout_of(seconds: int) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = %s", [seconds])
    try:
        yield
    finally:
        connection.close()


def test_a_lock_freed_after_a_timeout_is_taken_by_the_next_attempt() -> None:
    """The first wait times out (1205) with its earlier insert rolled back; the second run gets the lock."""
    Shelf.objects.create(name="wanted")
    runs: list[int] = []
    with lock_wait_timeout_of(1), lock_held_elsewhere("wanted") as release:

        @db.transaction(idempotent=False)
        def wait_for_it() -> None:
            runs.append(1)
            Shelf.objects.create(name="mine")
            if len(runs) == 2:
                release.set()
            Shelf.objects.select_for_update().get(name="wanted")

        wait_for_it()
        assert len(runs) == 2
        assert names() == ["mine", "wanted"]


def test_a_lock_never_freed_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt times out; the caller is told to come back, and nothing is stored."""
    monkeypatch.setattr(db, "MAX_ATTEMPTS", 2)
    Shelf.objects.create(name="wanted")
    with lock_wait_timeout_of(1), lock_held_elsewhere("wanted"):

        @db.transaction(idempotent=False)
        def wait_for_it() -> None:
            Shelf.objects.create(name="mine")
            Shelf.objects.select_for_update().get(name="wanted")

        with pytest.raises(Unavailable) as caught:
            wait_for_it()
        assert isinstance(caught.value.__cause__, OperationalError)
        assert caught.value.__cause__.args[0] == 1205
    assert names() == ["wanted"]


def test_the_session_is_set_up_as_the_design_says() -> None:
    """READ COMMITTED, strict mode and a lock wait of three seconds, on every connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@tx_isolation, @@innodb_lock_wait_timeout, @@sql_mode")
        isolation, timeout, mode = cursor.fetchone()
    assert (isolation, timeout) == ("READ-COMMITTED", 3)
    assert "STRICT_TRANS_TABLES" in mode


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_connection_killed_before_the_commit_is_opened_again(idempotent: bool) -> None:
    """The server dropped the transaction with the connection, so any use case may run again."""
    runs: list[int] = []

    @db.transaction(idempotent=idempotent)
    def unlucky() -> None:
        runs.append(1)
        Shelf.objects.create(name=f"first-{len(runs)}")
        if len(runs) == 1:
            kill(own_id())
        Shelf.objects.create(name=f"second-{len(runs)}")

    unlucky()
    assert names() == ["first-2", "second-2"]


def test_a_connection_killed_while_idle_costs_one_attempt() -> None:
    """A use case that begins on a dead connection begins again on a new one."""
    kill(own_id())

    @db.transaction(idempotent=False)
    def put() -> None:
        Shelf.objects.create(name="a")

    put()
    assert names() == ["a"]


def test_an_idempotent_use_case_killed_at_its_commit_runs_again() -> None:
    """Whether the commit happened is unknown; a use case that finds its own rows may simply run again."""
    runs: list[int] = []

    @db.transaction(idempotent=True)
    def put_once() -> None:
        runs.append(1)
        Shelf.objects.get_or_create(name="once")
        if len(runs) == 1:
            _kill_at_commit()

    put_once()
    assert (len(runs), names()) == (2, ["once"])


def test_any_other_use_case_killed_at_its_commit_is_told() -> None:
    """The outcome is unknown and a second run could do everything twice: the error leaves and becomes a 503."""
    runs: list[int] = []

    @db.transaction(idempotent=False)
    def put() -> None:
        runs.append(1)
        Shelf.objects.create(name="once")
        _kill_at_commit()

    with pytest.raises(Error) as caught:
        put()
    assert caught.value.args[0] in db.CONNECTION_LOST
    assert runs == [1]


def test_a_lost_answer_to_a_commit_that_happened_is_found_by_the_second_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are stored, only the answer is lost: the idempotent use case runs again and finds them."""
    runs: list[int] = []
    wrapper = connections[DEFAULT_DB_ALIAS]
    commit = wrapper.commit

    def commit_then_lose() -> None:
        commit()
        monkeypatch.setattr(wrapper, "commit", commit)
        raise OperationalError(2013, "Lost connection to server during query")

    @db.transaction(idempotent=True)
    def put_once() -> bool:
        runs.append(1)
        _, created = Shelf.objects.get_or_create(name="once")
        return created

    monkeypatch.setattr(wrapper, "commit", commit_then_lose)
    assert put_once() is False
    assert (len(runs), names()) == (2, ["once"])


def _kill_at_commit() -> None:
    """After the use case's last statement, so COMMIT is what meets the dead connection."""
    connection_id = own_id()
    db.before_commit(lambda: kill(connection_id))
