"""The embedded run's database: one writer at a time, and "database is locked" when its turn takes too long."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from config.kernel import db
from config.kernel.errors import Unavailable
from config.kernel.tests.models import Shelf
from config.settings import database

pytestmark = pytest.mark.django_db(transaction=True)


def open_database(path: Path, *, timeout: float) -> BaseDatabaseWrapper:
    """A connection with the options of `make run`, but its own patience in seconds."""
    engine = "django.db.backends.sqlite3"
    options = database._options(engine) | {"timeout": timeout}
    handler = ConnectionHandler({"default": {"ENGINE": engine, "NAME": str(path), "OPTIONS": options}})
    return handler["default"]


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The default connection of this thread is a new SQLite file with one shelf; waits are short."""
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0)
    path = tmp_path / "quittance.sqlite3"
    standing = connections["default"]
    connections["default"] = open_database(path, timeout=0.05)
    try:
        with connection.schema_editor() as editor:
            editor.create_model(Shelf)
        Shelf.objects.create(name="counter")
        yield path
    finally:
        connection.close()
        connections["default"] = standing


@db.transaction(idempotent=True)
def add_one() -> None:
    shelf = Shelf.objects.get(name="counter")
    shelf.amount += 1
    shelf.save()


def test_the_embedded_database_is_set_up_as_the_design_says(sqlite: Path) -> None:
    """Write-ahead log, synchronous, and transactions that take the write lock when they begin."""
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_a_writer_that_holds_the_lock_too_long_makes_the_others_unavailable(sqlite: Path) -> None:
    """ "database is locked" is retried like a deadlock, then told as Unavailable with nothing stored."""
    other = sqlite3.connect(sqlite, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable) as caught:
            add_one()
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert "locked" in str(caught.value.__cause__)
    assert Shelf.objects.get().amount == 0


def test_a_lock_freed_in_time_costs_attempts_and_nothing_else(sqlite: Path) -> None:
    """The write lock of another process ends while the use case is being retried."""
    other = sqlite3.connect(sqlite, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.12, lambda: other.execute("ROLLBACK"))
    release.start()
    add_one()
    release.join()
    other.close()
    assert Shelf.objects.get().amount == 1


def test_no_update_of_many_writers_is_lost(sqlite: Path) -> None:
    """Eight threads that read, add one and write twenty times each count to 160."""

    def write() -> None:
        connections["default"] = open_database(sqlite, timeout=10)
        try:
            for _ in range(20):
                add_one()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(write) for _ in range(8)]:
            future.result(timeout=60)
    assert Shelf.objects.get().amount == 160


def test_a_savepoint_can_be_rolled_back_alone(sqlite: Path) -> None:
    """Collisions are caught around a savepoint on SQLite as on MariaDB."""

    @db.transaction(idempotent=True)
    def partly() -> None:
        Shelf.objects.create(name="kept")
        try:
            with db.savepoint():
                Shelf.objects.create(name="counter")
        except IntegrityError:
            return

    partly()
    assert set(Shelf.objects.values_list("name", flat=True)) == {"counter", "kept"}
