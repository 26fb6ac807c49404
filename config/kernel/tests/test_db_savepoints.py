"""A part that is rolled back alone, with everything that was handed over inside it."""

import contextlib

import pytest
from django.db import IntegrityError

from config.kernel import db
from config.kernel.tests.models import Shelf
from config.kernel.tests.shelves import Full, names, put
from tests.faults import deadlock_at, statements_counted

pytestmark = pytest.mark.usefixtures("tables", "no_backoff")


def test_a_rolled_back_savepoint_takes_what_waited_in_it() -> None:
    """Rows and callbacks registered inside vanish with it; those from before and after stay."""
    called: list[str] = []

    @db.transaction(idempotent=True)
    def partly() -> None:
        db.insert_before_commit(Shelf(name="before"))
        db.before_commit(lambda: called.append("before"))
        with contextlib.suppress(Full), db.savepoint():
            Shelf.objects.create(name="written inside")
            db.insert_before_commit(Shelf(name="inside"))
            db.before_commit(lambda: called.append("inside"))
            raise Full
        db.insert_before_commit(Shelf(name="after"))
        db.before_commit(lambda: called.append("after"))

    partly()
    assert names() == ["after", "before"]
    assert called == ["before", "after"]


def test_a_kept_savepoint_inside_a_rolled_back_one_vanishes_too() -> None:
    """The outer savepoint decides for everything inside it."""

    @db.transaction(idempotent=True)
    def nested() -> None:
        with contextlib.suppress(Full), db.savepoint():
            with db.savepoint():
                db.insert_before_commit(Shelf(name="inner"))
            raise Full
        with db.savepoint():
            db.insert_before_commit(Shelf(name="kept"))

    nested()
    assert names() == ["kept"]


def test_flush_inside_a_savepoint_writes_only_what_came_since() -> None:
    """Its errors surface inside the savepoint, and rows from before it keep waiting for the commit."""
    put("taken")

    @db.transaction(idempotent=True)
    def flush_inside() -> str:
        db.insert_before_commit(Shelf(name="before"))
        try:
            with db.savepoint():
                db.insert_before_commit(Shelf(name="taken"))
                db.flush()
        except IntegrityError:
            return f"collided, stored {names()}"
        return "no collision"

    assert flush_inside() == "collided, stored ['taken']"
    assert names() == ["before", "taken"]


def test_a_collision_caught_around_a_savepoint_leaves_the_rest() -> None:
    """The one database error a step may catch, and only so."""
    put("taken")

    @db.transaction(idempotent=True)
    def insert_or_find() -> str:
        Shelf.objects.create(name="mine")
        try:
            with db.savepoint():
                Shelf.objects.create(name="taken")
        except IntegrityError:
            return "found"
        return "inserted"

    assert insert_or_find() == "found"
    assert names() == ["mine", "taken"]


def test_a_deadlock_inside_a_savepoint_leaves_the_outermost_transaction() -> None:
    """The savepoint is gone with the transaction, so the error passes it and everything runs again."""
    runs = []

    @db.transaction(idempotent=True)
    def guarded() -> None:
        runs.append(1)
        Shelf.objects.create(name="before")
        try:
            with db.savepoint():
                Shelf.objects.create(name="inside")
        except IntegrityError:
            raise AssertionError("no collision was made") from None

    with statements_counted() as statements:
        guarded()
    for n in range(1, statements.seen + 1):
        Shelf.objects.all().delete()
        runs.clear()
        with deadlock_at(n):
            guarded()
        assert (len(runs), names()) == (2, ["before", "inside"])


def test_after_commit_is_dropped_with_its_savepoint() -> None:
    """What was rolled back is not told."""
    told: list[str] = []

    @db.transaction(idempotent=True)
    def tell() -> None:
        try:
            with db.savepoint():
                db.after_commit(lambda: told.append("inside"))
                raise Full
        except Full:
            db.after_commit(lambda: told.append("outside"))

    tell()
    assert told == ["outside"]


def test_a_refused_insert_leaves_the_transaction_as_it_was() -> None:
    """What came before it stays, what was handed over with it is dropped, and the use case goes on."""
    put("taken")

    @db.transaction(idempotent=True)
    def insert() -> None:
        Shelf.objects.create(name="before")
        db.insert_before_commit(Shelf(name="waiting"))
        with contextlib.suppress(IntegrityError), db.one_insert():
            db.insert_before_commit(Shelf(name="dropped"))
            Shelf.objects.create(name="taken")
        Shelf.objects.create(name="after")

    insert()
    assert names() == ["after", "before", "taken", "waiting"]


def test_a_refused_insert_costs_no_savepoint() -> None:
    """The server undoes a refused statement alone."""

    @db.transaction(idempotent=True)
    def insert() -> None:
        with db.one_insert():
            Shelf.objects.create(name="a")

    with statements_counted() as statements:
        insert()
    assert statements.seen == 1


def test_after_commit_is_dropped_with_a_refused_insert() -> None:
    """What was not stored is not told; what was asked for before and after it is."""
    put("taken")
    told: list[str] = []

    @db.transaction(idempotent=True)
    def insert() -> None:
        db.after_commit(lambda: told.append("before"))
        with contextlib.suppress(IntegrityError), db.one_insert():
            db.after_commit(lambda: told.append("inside"))
            Shelf.objects.create(name="taken")
        db.after_commit(lambda: told.append("after"))

    insert()
    assert told == ["before", "after"]
