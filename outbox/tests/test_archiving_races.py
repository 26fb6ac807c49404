"""Archiving beside rewinds, relays and another archiver: each event is in one table, whatever comes in between."""

import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from config.kernel import clock
from outbox import services
from outbox.models import ArchivedEvent, HeldEvent, OutboxEvent
from outbox.services import archiving
from outbox.services.status import status
from outbox.tests.support import YEAR, Wire, aggregate, archive, record, rewind
from tests.api import ApiConsumer
from tests.invariants import check_invariants

SHARD = 5
on_mariadb = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")


@contextmanager
def meanwhile(act: Callable[[], object], *, before: int) -> Iterator[list[threading.Thread]]:
    """`act` is done by somebody else just before the statement of that number, counted from 0; yields who did it."""
    numbers = itertools.count()
    others: list[threading.Thread] = []

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    def around(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if next(numbers) == before:
            others.append(threading.Thread(target=run))
            others[0].start()
            others[0].join(0.5)  # who waits for our locks goes on after us
        return execute(sql, *rest)

    with connection.execute_wrapper(around):
        yield others
    for other in others:
        other.join(30)


def old_chunk() -> Any:
    """What an archiver would move now."""
    [chunk] = archiving._old(clock.now() + YEAR)
    return chunk


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_a_restore_at_any_moment_of_a_slow_archiver_loses_nothing() -> None:
    """What it wants to move has been moved by another, and comes back before any one of its statements."""
    record(aggregate(shard=SHARD), 3)
    services.drain()
    for number in itertools.count():
        archiving.restore(shard=SHARD, after=0, limit=10)
        chunk = old_chunk()
        archive()
        restore = functools.partial(archiving.restore, shard=SHARD, after=0, limit=10)
        with meanwhile(restore, before=number) as others:
            archiving._archive_unless_held(chunk)
        assert OutboxEvent.objects.count() + ArchivedEvent.objects.count() == 3
        if not others:
            break
    assert number > 3
    check_invariants()


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_two_who_bring_the_same_events_back_do_not_collide() -> None:
    """Relays of two subscribers that were both moved back."""
    record(aggregate(shard=SHARD), 3)
    services.drain()
    errors: list[Exception] = []
    for _ in range(20):
        archive()
        start = threading.Barrier(2)
        threads = [threading.Thread(target=_restore, args=(start, errors)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert (OutboxEvent.objects.count(), ArchivedEvent.objects.count()) == (3, 0)
    assert errors == []


def _restore(start: threading.Barrier, errors: list[Exception]) -> None:
    try:
        start.wait()
        archiving.restore(shard=SHARD, after=0, limit=10)
    except Exception as error:
        errors.append(error)
    finally:
        connection.close()


@pytest.mark.django_db
def test_an_archiver_that_looked_before_a_rewind_moves_nothing() -> None:
    """The relay that is sending it again may have to hold it."""
    ids = record(aggregate(shard=SHARD), 3)
    services.drain()
    chunk = old_chunk()
    rewind()
    Wire.poison = {ids[1]}
    assert archiving._archive_unless_held(chunk) == 0
    services.relay_once()
    assert HeldEvent.objects.held().count() == 2
    assert archiving._archive_unless_held(chunk) == 1


@pytest.mark.django_db
def test_what_a_rewound_publisher_has_to_get_has_an_age_though_it_is_archived() -> None:
    """Or nobody would see that it is late."""
    record(aggregate(shard=SHARD), 3)
    services.drain()
    archive()
    rewind()
    [wire] = [each for each in status() if each.subscriber == "wire"]
    assert wire.lag == 3
    assert wire.oldest_age_seconds is not None


@pytest.mark.django_db
def test_a_page_shows_each_event_once_while_it_is_archived() -> None:
    """Between the statements for the one table and for the other."""
    ids = record(aggregate(shard=SHARD), 3)
    services.drain()
    done: list[int] = []

    def around(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if "outbox_outboxevent" in sql and not done:
            done.append(1)
            done.append(archive())
        return answer

    with connection.execute_wrapper(around):
        listed = [event["id"] for event in ApiConsumer().get("events").json()["data"]]
    assert done == [1, 3]
    assert listed == ids[::-1]


@pytest.mark.django_db
def test_an_aggregates_predecessor_is_found_while_it_comes_back() -> None:
    """Looked for where it was no longer, then where it was not yet: it is looked for once more."""
    source = aggregate(shard=SHARD)
    record(source, 3)
    services.drain()
    archive()
    record(source)
    done: list[bool] = []

    def around(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if "JOIN outbox_outboxevent" in sql and "UPDATE" not in sql and not done:
            done.append(True)
            archiving._move(list(ArchivedEvent.objects.values_list("id", flat=True)), ArchivedEvent, OutboxEvent)
        return answer

    with connection.execute_wrapper(around):
        progress = services.relay_once()
    assert done
    assert (progress.sequenced, progress.backed_off) == (1, 0)
