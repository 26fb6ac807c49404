"""A relay whose host is gone in the midst of a transaction: its locks last until the server notices, perhaps hours."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from config.kernel import db
from outbox import services
from outbox.models import SEQUENCER, Cursor
from outbox.services import leases
from outbox.subscribers import registry
from outbox.tests.support import CONSUMERS, PUBLISHERS, Wire, aggregate, effects, record

SHARDS = range(8)
STUCK = 3

pytestmark = [pytest.mark.timeout(30), pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def subscribers(settings: Settings) -> Iterator[None]:
    settings.EVENT_CONSUMERS, settings.EVENT_PUBLISHERS = CONSUMERS, PUBLISHERS
    leases.create_missing_cursors(subscribers=registry.configured().values())
    Wire.reset()
    yield
    Wire.reset()


@pytest.fixture
def stuck(request: pytest.FixtureRequest) -> Iterator[str]:
    """The subscriber whose cursor of one shard is locked, as far as anybody can see for good."""
    is_locked, may_end = threading.Event(), threading.Event()

    @db.transaction(idempotent=False)
    def move_and_say_no_more() -> None:
        Cursor.objects.select_for_update().get(subscriber=request.param, shard=STUCK)
        is_locked.set()
        may_end.wait()

    def run() -> None:
        try:
            move_and_say_no_more()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(run)
        assert is_locked.wait(10)
        yield request.param
        may_end.set()
        ended.result()


@pytest.mark.parametrize("stuck", [SEQUENCER, "effects", "wire"], indirect=True)
def test_a_relay_that_is_gone_with_a_lock_keeps_nobody_from_the_other_shards(stuck: str) -> None:
    """Nobody waits for it: one pass numbers and delivers all but what only it could."""
    recorded = {shard: record(aggregate(shard=shard)) for shard in SHARDS}
    everything = sorted(id for ids in recorded.values() for id in ids)
    beside = sorted(set(everything) - set(recorded[STUCK]))
    services.drain()
    assert sorted(effects()) == (everything if stuck == "wire" else beside)
    assert sorted(Wire.sent) == (everything if stuck == "effects" else beside)
