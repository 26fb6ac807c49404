"""Relays that are killed in the midst of a backlog, while clients go on recording."""

import random
import time
from pathlib import Path

import pytest
from django.conf import settings

from outbox.tests.publishers.redis_server import RedisServer
from tests.relay.backlog import recorded_backlog
from tests.relay.ends import (
    arrived,
    assert_nothing_is_lost,
    duplicates_of,
    is_nothing_left,
)
from tests.relay.fleet import Fleet, fleet
from tests.relay.producers import Producers, producers

RELAYS, KILLS = 4, 20
CLIENTS, PAUSE_SECONDS = 5, 0.05
AGGREGATES, BACKLOG_EACH = 1_000, 50
BACKLOG, EVENTS = AGGREGATES * BACKLOG_EACH, 100_000
LEASE_SECONDS = 3
"""How long what a dead relay had leased waits; in production 10."""
SUBSCRIBERS = ["sequencer", "redis", "one_by_one", "in_batches"]

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]


def test_twenty_of_four_relays_killed_under_load_lose_nothing(stream: RedisServer, tmp_path: Path) -> None:
    """100,000 events of 1,000 aggregates: all arrive, first in order, a batch again per kill at most; effects once."""
    seed = random.randrange(10**6)
    sources = recorded_backlog(aggregates=AGGREGATES, each=BACKLOG_EACH)
    started = time.monotonic()
    relays = fleet(tmp_path / "relays", RELAYS, publishers={"redis": stream.entry()}, lease_seconds=LEASE_SECONDS)
    clients = producers(CLIENTS, sources=sources, seed=seed, pause_seconds=PAUSE_SECONDS)
    with relays as running, clients as recording:
        _kill(running, recording, random.Random(seed), f"seed {seed}")
        running.watch_until(lambda: recording.recorded >= EVENTS - BACKLOG, seconds=300, what="events")
        recording.end()
        running.watch_until(is_nothing_left, seconds=900, what=f"an end, seed {seed}")
    seconds = time.monotonic() - started
    again = _assert_all_is_well(recording, stream)
    cut_off = KILLS // len(SUBSCRIBERS)
    assert again <= settings.OUTBOX_BATCH_SIZE * (cut_off + running.unsettled("redis")), f"seed {seed}"
    print(
        f"\n{BACKLOG + recording.recorded:,} events in {seconds:.0f} s, {KILLS} kills, {again} duplicates, "
        f"{running.total('leases_lost')} leases lost, {running.total('backed_off')} back-offs, "
        f"{recording.counts['called_off']} transactions rolled back; seed {seed}"
    )


def _kill(running: Fleet, recording: Producers, chance: random.Random, told: str) -> None:
    """One relay after the other, at random moments; as many at work for one subscriber as for another."""
    victims = SUBSCRIBERS * (KILLS // len(SUBSCRIBERS))
    chance.shuffle(victims)
    for moment, subscriber in zip(sorted(chance.sample(range(EVENTS - BACKLOG), KILLS)), victims, strict=True):
        running.watch_until(lambda: recording.recorded >= moment, seconds=300, what=f"{moment} events, {told}")  # noqa: B023
        victim = chance.choice(running.relays)
        running.freeze_at_work(victim, subscriber, told=told)
        running.kill(victim)
        running.start()


def _assert_all_is_well(recording: Producers, stream: RedisServer) -> int:
    """How many events the stream holds twice."""
    return duplicates_of(arrived(stream), assert_nothing_is_lost(recording, beside=BACKLOG))
