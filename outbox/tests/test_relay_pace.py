"""What one pass costs: statements per batch, rows looked at to find work, time that one subscriber takes of it."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from outbox import services
from outbox.models import Cursor
from outbox.services import relay
from outbox.services.progress import ServedAt
from outbox.tests.support import Wire, aggregate, effects, record

pytestmark = pytest.mark.django_db

FINDING_EVENTS_TO_NUMBER = 2
"""Once a pass: who has cursors, where something waits for a number."""
FINDING_WORK = FINDING_EVENTS_TO_NUMBER + 2
"""And who is behind, who is in trouble."""


def test_numbering_a_batch_takes_four_statements(settings: Settings) -> None:
    """Claim, read, move, number. One more than that is a regression. Savepoints are not counted."""
    settings.EVENT_CONSUMERS = settings.EVENT_PUBLISHERS = {}
    services.relay_once()
    record(aggregate(shard=3), 30)
    assert _statements_of_a_pass() == FINDING_EVENTS_TO_NUMBER + 4


def test_publishing_a_batch_takes_three_statements(settings: Settings) -> None:
    """Claim, read, move; the same whatever the batch holds. Nothing is held, so no line is looked for."""
    settings.EVENT_CONSUMERS = {}
    for count in (1, 30):
        record(aggregate(shard=3), count)
        services.drain(only=[])
        assert _statements_of_a_pass() == FINDING_WORK + 3


def test_passing_over_a_batch_takes_three_statements(settings: Settings) -> None:
    """Claim, look at the types, move: a consumer that hears none of them loads none."""
    settings.EVENT_CONSUMERS = {"deaf": {"handler": "outbox.tests.support.take_effect", "events": ["nothing.*"]}}
    settings.EVENT_PUBLISHERS = {}
    record(aggregate(shard=3), 30)
    services.drain(only=[])
    assert _statements_of_a_pass() == FINDING_WORK + 3
    assert effects() == []


@pytest.mark.skipif("connection.vendor != 'mysql'", reason="counts MariaDB's own row reads")
def test_finding_work_does_not_read_the_log_that_is_done() -> None:
    """Relays look every 0.2 s, and the log is never deleted: with 900 events behind everybody, none is read."""
    record(aggregate(shard=3))
    services.drain()
    few = _rows_read_to_find_work()
    for shard in range(3):
        record(aggregate(shard=shard), 300)
    services.drain()
    assert _rows_read_to_find_work() - few < 10


def test_a_slow_subscriber_leaves_its_other_shards_to_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of patience after its first batch; the others have had theirs, and nothing is lost."""
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0)
    ids = [event for shard in range(4) for event in record(aggregate(shard=shard))]
    services.relay_once(batch_size=1)
    assert len(Wire.calls) == 1
    services.drain()
    assert sorted(Wire.sent) == sorted(ids)
    assert sorted(effects()) == sorted(ids)


def _statements_of_a_pass() -> int:
    with CaptureQueriesContext(connection) as captured:
        services.relay_once()
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])


def _rows_read_to_find_work() -> int:
    before = _rows_read()
    assert not list(Cursor.objects.claimable().with_unsequenced_events())
    assert not list(Cursor.objects.claimable().with_undelivered_events())
    return _rows_read() - before


def _rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _, value in cursor.fetchall())


def test_what_one_pass_has_no_time_for_comes_first_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow subscriber's shards take turns: none gets a second batch before every other has had its first."""
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0.05)
    Wire.before_publish = lambda: time.sleep(0.03)
    sources = [aggregate(shard=shard) for shard in range(16)]
    of = {record(source)[0]: source.pk for source in sources}
    served_at: ServedAt = {}
    while len({of[call[0]] for call in Wire.calls}) < len(sources):
        services.relay_once(only=["wire"], served_at=served_at, batch_size=1)
        of |= {record(source)[0]: source.pk for source in sources}
    assert len({of[call[0]] for call in Wire.calls[:16]}) == 16
