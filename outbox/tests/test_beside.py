"""In a backlog numbering goes on beside the deliveries, by a thread with a connection of its own."""

import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection

from outbox import services
from outbox.models import Cursor, OutboxEvent
from outbox.services.numbering import Beside
from outbox.services.progress import ServedAt
from outbox.tests.support import Wire, aggregate, assert_log_is_sound, effects, record

pytestmark = pytest.mark.django_db(transaction=True)

on_a_server = pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has one writer at a time")

SHARDS_WITH_WORK = 8


def test_a_backlog_arrives_whole_and_in_order() -> None:
    """On SQLite, which has one writer, nothing goes on beside; the outcome is the same."""
    lines = _backlog()
    with Beside() as beside:
        progress = services.drain(batch_size=5, beside=beside)
    assert progress.sequenced == sum(map(len, lines))
    _assert_all_arrived(lines)


@on_a_server
def test_events_are_numbered_while_others_are_being_sent() -> None:
    """The publisher waits until two more shards have had a batch than when it was called."""
    lines = _backlog()
    seen: list[bool] = []

    def look() -> None:
        if not seen:
            before = _numbered()
            seen.append(_comes_true(lambda: _numbered() >= before + 10))

    Wire.before_publish = look
    with Beside() as beside:
        services.drain(batch_size=5, beside=beside)
    assert seen == [True]
    _assert_all_arrived(lines)


@on_a_server
def test_numbering_stops_when_the_deliveries_are_over_and_goes_on_with_others_in_the_next_pass() -> None:
    """Each pass has numbered a batch of all and one shard at least; no shard waits for another to be done."""
    _backlog()
    served_at: ServedAt = {}
    sequenced = []
    with Beside() as beside:
        for _ in range(SHARDS_WITH_WORK):
            progress = services.relay_once(batch_size=5, only=[], served_at=served_at, beside=beside)
            assert progress.sequenced > 5
            sequenced.append(progress.sequenced)
    assert min(sequenced) < 5 * SHARDS_WITH_WORK / 2
    begun = OutboxEvent.objects.filter(position__isnull=False).values_list("shard", flat=True).distinct()
    assert len(begun) == SHARDS_WITH_WORK


@on_a_server
def test_what_was_numbered_beside_the_deliveries_is_not_rested_on() -> None:
    """None of it fills a batch, and none of it was delivered in this pass."""
    for shard in range(SHARDS_WITH_WORK):
        record(aggregate(shard=shard), 2)
    with Beside() as beside:
        progress = services.relay_once(batch_size=4, beside=beside)
    assert services.rest_after(progress, pass_seconds=1) == 0


@on_a_server
def test_a_lost_connection_of_the_numbering_is_made_again() -> None:
    """Nothing is lost, nothing is numbered twice; a shard whose claim got no answer waits for its lease to run out."""
    lines = _backlog()
    killed: list[int] = []

    def cut_once() -> None:
        if not killed and _comes_true(lambda: bool(_others())):
            (other,) = _others()
            with connection.cursor() as cursor:
                cursor.execute(f"KILL CONNECTION {other}")
            killed.append(other)

    Wire.before_publish = cut_once
    with Beside() as beside:
        services.drain(batch_size=5, beside=beside)
        Cursor.objects.update(lease_expires_at=None)
        services.drain(batch_size=5, beside=beside)
    assert len(killed) == 1
    _assert_all_arrived(lines)


@on_a_server
def test_an_error_of_the_numbering_comes_out_and_its_connection_is_not_kept() -> None:
    """As after a failover to another server: the old one refuses to be written to."""
    lines = _backlog()
    with Beside() as beside:
        services.relay_once(batch_size=5, only=[], beside=beside)
        with beside.run(lambda stop: _execute("SET SESSION TRANSACTION READ ONLY")):
            """Only its session."""
        with pytest.raises(OperationalError, match="READ ONLY"):
            services.relay_once(batch_size=5, only=[], beside=beside)
        services.drain(batch_size=5, beside=beside)
    _assert_all_arrived(lines)


@on_a_server
def test_its_connection_goes_with_it() -> None:
    """Whether it had anything to do or not."""
    _backlog()
    with Beside() as beside:
        services.drain(batch_size=5, beside=beside)
        assert len(_others()) == 1
    with Beside():
        pass
    assert _comes_true(lambda: not _others())


@on_a_server
def test_when_the_deliveries_fail_the_numbering_has_ended_too(caplog: pytest.LogCaptureFixture) -> None:
    """Their error comes out, that of the numbering is logged, and no thread works on behind the caller's back."""
    lines = _backlog()

    def fail() -> None:
        raise KeyboardInterrupt

    Wire.before_publish = fail
    with Beside() as beside:
        with pytest.raises(KeyboardInterrupt):
            services.relay_once(batch_size=5, beside=beside)
        numbered = _numbered()
        time.sleep(0.2)
        assert _numbered() == numbered
        with pytest.raises(KeyboardInterrupt), beside.run(lambda stop: _execute("nonsense")):
            fail()
        assert "the numbering failed too" in caplog.messages
        Wire.before_publish = None
        Cursor.objects.update(lease_expires_at=None)
        services.drain(batch_size=5, beside=beside)
    _assert_all_arrived(lines)


def _backlog() -> list[list[str]]:
    return [record(aggregate(shard=shard), 12) for shard in range(SHARDS_WITH_WORK)]


def _assert_all_arrived(lines: list[list[str]]) -> None:
    for line in lines:
        assert [id for id in Wire.sent if id in line] == line
        assert [id for id in effects() if id in line] == line
    assert len(Wire.sent) == sum(map(len, lines))
    assert_log_is_sound()


def _numbered() -> int:
    return OutboxEvent.objects.filter(position__isnull=False).count()


def _others() -> set[int]:
    """Connections to this database besides ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID != CONNECTION_ID()")
        return {row[0] for row in cursor.fetchall()}


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _comes_true(condition: Callable[[], bool]) -> bool:
    """Asked where an error would be taken for the subscriber's."""
    deadline = time.monotonic() + 5
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
