"""Servers that go away for half a minute while events are recorded and relayed, and come back with what they keep."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from outbox import services
from outbox.models import SEQUENCER, Cursor
from outbox.tests.publishers.conformance import Broker
from outbox.tests.support import aggregate
from tests.crashes.outages import stoppable_mariadb
from tests.relay.brokers import BROKERS
from tests.relay.ends import (
    arrived,
    assert_nothing_is_lost,
    duplicates_of,
    is_nothing_left,
    progress_of,
)
from tests.relay.fleet import Fleet, fleet
from tests.relay.producers import Producers, producers
from tests.stoppable import StoppableServer

SEED = 1
OUTAGE_SECONDS = 30
WARM_UP = 500
"""How many events the broker has before anything stops."""
RELAYS, AGGREGATES, CLIENTS, PAUSE_SECONDS = 2, 300, 4, 0.25
MAX_AGE_SECONDS = 20
"""How long an event may wait for anybody but the broker that is away."""
CATCH_UP_SECONDS = 120

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
however_it_ends = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with BROKERS[request.param](folder).running() as server:
        yield server


@pytest.fixture
def database(tmp_path: Path, django_db_blocker: Any) -> Iterator[StoppableServer]:
    with django_db_blocker.unblock(), stoppable_mariadb(tmp_path / "mariadb") as (server, _):
        yield server


@however_it_ends
@pytest.mark.parametrize("broker", BROKERS, indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_for_30_seconds_delays_what_it_gets_and_nothing_else(
    broker: Broker, tmp_path: Path, number: signal.Signals
) -> None:
    """Everybody else hears of each event as before; nothing is lost, and the relays catch up by themselves."""
    with _deployment(broker, tmp_path) as (relays, clients):
        broker.server.stop(number)
        before = clients.recorded
        oldest_seconds = _wait_the_outage_out(relays)
        during = clients.recorded - before
        broker.server.start()
        seconds = _seconds_to_catch_up(relays)
        clients.end()
        relays.watch_until(is_nothing_left, seconds=CATCH_UP_SECONDS, what="an end")
    again = _assert_all_is_well(clients, broker, tmp_path)
    print(
        f"\n{type(broker).__name__}, {number.name}: {during} of {clients.recorded} events recorded meanwhile, "
        f"caught up {seconds:.1f} s after its return; others waited {oldest_seconds:.1f} s at most; {again} duplicates"
    )
    assert during > WARM_UP
    assert oldest_seconds < MAX_AGE_SECONDS


@however_it_ends
@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_a_database_that_is_away_for_30_seconds_loses_nothing_that_was_committed(
    database: StoppableServer, broker: Broker, tmp_path: Path, number: signal.Signals
) -> None:
    """Clients that try again and relays that wait go on by themselves; what nobody knew of is there whole or not."""
    with _deployment(broker, tmp_path) as (relays, clients):
        connection.close()
        database.stop(number)
        over_at = time.monotonic() + OUTAGE_SECONDS
        relays.watch_until(lambda: time.monotonic() > over_at, seconds=2 * OUTAGE_SECONDS, what="the outage's end")
        database.start()
        seconds = _seconds_to_deliver_more(relays)
        relays.watch_until(lambda: clients.recorded > 4 * WARM_UP, seconds=CATCH_UP_SECONDS, what="clients at work")
        clients.end()
        relays.watch_until(is_nothing_left, seconds=CATCH_UP_SECONDS, what="an end")
    again = _assert_all_is_well(clients, broker, tmp_path)
    print(
        f"\nMariaDB, {number.name}: {clients.recorded} events, first delivery {seconds:.1f} s after its return, "
        f"{clients.counts['refused']} transactions refused, {clients.counts['found']} of them committed after all; "
        f"{again} duplicates"
    )
    assert clients.counts["refused"] > 0


@contextlib.contextmanager
def _deployment(broker: Broker, folder: Path) -> Iterator[tuple[Fleet, Producers]]:
    """Relays and clients at work, from when the broker has WARM_UP events; they publish into a file as well."""
    entry = {"class": "outbox.tests.support.FileWriter", "options": {"path": str(folder / "sent"), "pause_seconds": 0}}
    publishers = {"broker": broker.entry(), "file": entry}
    sources = [aggregate().pk for _ in range(AGGREGATES)]
    with (
        fleet(folder / "relays", RELAYS, publishers=publishers) as relays,
        producers(CLIENTS, sources=sources, seed=SEED, pause_seconds=PAUSE_SECONDS) as clients,
    ):
        relays.watch_until(lambda: progress_of("broker") > WARM_UP, seconds=60, what="events that arrive")
        yield relays, clients


def _wait_the_outage_out(relays: Fleet) -> float:
    """How long, in seconds, an event waited for the sequencer or anybody but the broker."""
    over_at = time.monotonic() + OUTAGE_SECONDS
    ages = [0.0]

    def is_over() -> bool:
        ages.extend(each.oldest_age_seconds or 0 for each in services.status() if each.subscriber != "broker")
        return time.monotonic() > over_at

    relays.watch_until(is_over, seconds=2 * OUTAGE_SECONDS, what="the outage's end")
    return max(ages)


def _seconds_to_catch_up(relays: Fleet) -> float:
    """Until the broker has everything that had been numbered when it came back."""
    heads = _positions(SEQUENCER)

    def has_all() -> bool:
        reached = _positions("broker")
        return all(reached[shard] >= head for shard, head in heads.items())

    return relays.watch_until(has_all, seconds=CATCH_UP_SECONDS, what="the broker has caught up")


def _seconds_to_deliver_more(relays: Fleet) -> float:
    before = progress_of("broker")
    return relays.watch_until(lambda: progress_of("broker") > before, seconds=CATCH_UP_SECONDS, what="a delivery")


def _positions(subscriber: str) -> dict[int, int]:
    return dict(Cursor.objects.filter(subscriber=subscriber).values_list("shard", "position"))


def _assert_all_is_well(clients: Producers, broker: Broker, folder: Path) -> int:
    """How many events the broker got twice: of each relay the batch that the outage met, at most."""
    log = assert_nothing_is_lost(clients)
    assert duplicates_of((folder / "sent").read_text().split(), log) <= RELAYS * settings.OUTBOX_BATCH_SIZE
    again = duplicates_of(arrived(broker), log)
    assert again <= RELAYS * settings.OUTBOX_BATCH_SIZE
    return again
