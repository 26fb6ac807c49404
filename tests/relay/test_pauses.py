"""Relays that stand still for longer than their leases last, and then go on as if nothing had been."""

import random
import time
from pathlib import Path

import pytest
from django.conf import settings

from outbox.models import Cursor
from outbox.tests.publishers.redis_server import RedisServer
from tests.relay.backlog import recorded_backlog
from tests.relay.ends import (
    arrived,
    assert_nothing_is_lost,
    duplicates_of,
    is_nothing_left,
)
from tests.relay.fleet import Fleet, fleet
from tests.relay.producers import producers

RELAYS, PAUSES = 3, 12
AGGREGATES, BACKLOG_EACH = 200, 50
LEASE_SECONDS = 2
SUBSCRIBERS = ["sequencer", "redis", "one_by_one", "in_batches"]

pytestmark = [pytest.mark.long, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]


def test_a_relay_that_was_overtaken_while_it_stood_still_moves_nothing(stream: RedisServer, tmp_path: Path) -> None:
    """What another has delivered since takes effect once, and goes out again at most as one batch per pause."""
    seed = random.randrange(10**6)
    sources = recorded_backlog(aggregates=AGGREGATES, each=BACKLOG_EACH)
    relays = fleet(tmp_path / "relays", RELAYS, publishers={"redis": stream.entry()}, lease_seconds=LEASE_SECONDS)
    clients = producers(2, sources=sources, seed=seed, pause_seconds=0.1)
    with relays as running, clients as recording:
        chance = random.Random(seed)
        overtaken = [_pause_one_at_work(running, chance, f"seed {seed}") for _ in range(PAUSES)]
        recording.end()
        running.watch_until(is_nothing_left, seconds=300, what=f"an end, seed {seed}")
    log = assert_nothing_is_lost(recording, beside=AGGREGATES * BACKLOG_EACH)
    again = duplicates_of(arrived(stream), log)
    print(
        f"\n{len(log)} events, {PAUSES} pauses, overtaken in {sum(overtaken)}, {running.total('leases_lost')} leases "
        f"lost, {again} duplicates; seed {seed}"
    )
    assert again <= settings.OUTBOX_BATCH_SIZE * running.unsettled("redis"), f"seed {seed}"
    assert running.total("leases_lost") > 0
    assert not any("pass broken off" in relay.said for relay in running.relays), f"seed {seed}"


def _pause_one_at_work(running: Fleet, chance: random.Random, told: str) -> bool:
    """Until its lease is another's, which a transaction that it has begun may forbid; whether it came to that."""
    victim, subscriber = chance.choice(running.relays), chance.choice(SUBSCRIBERS)
    cursor = running.freeze_at_work(victim, subscriber, told=told)
    claimed_since = Cursor.objects.filter(pk=cursor.pk, lease_token__gt=cursor.lease_token)
    long_enough = time.monotonic() + 3 * LEASE_SECONDS
    running.watch_until(
        lambda: claimed_since.exists() or time.monotonic() > long_enough, seconds=60, what=f"an end of a pause, {told}"
    )
    victim.thaw()
    return claimed_since.exists()
