"""Shards with a little each are numbered and delivered together: it costs less, and nothing else is different."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from config.kernel import clock, db
from invoices.models import Customer
from outbox import services
from outbox.models import SEQUENCER, Cursor, HeldEvent, OutboxEvent
from outbox.services import leases, sequencing
from outbox.tests.support import (
    EFFECT_PREFIX,
    Unheard,
    Wire,
    aggregate,
    archive,
    assert_log_is_sound,
    effects,
    leased,
    record,
    rewind,
)

pytestmark = pytest.mark.django_db
SHARDS = range(8)


class Batches:
    """A consumer of batches, an effect an event, that refuses batches with `poison` in them."""

    poison: ClassVar[set[str]] = set()
    sizes: ClassVar[list[int]] = []


def take_batch(*, events: Sequence[OutboxEvent]) -> None:
    Batches.sizes.append(len(events))
    names = [f"{EFFECT_PREFIX}{event.pk}" for event in events]
    Customer.objects.bulk_create([Customer(name=name, created_at=clock.now()) for name in names])
    if any(event.pk in Batches.poison for event in events):
        raise ValueError("cannot take this")


def hears_tests() -> set[str]:
    return {"test.*"}


@pytest.fixture
def batches(settings: Settings) -> None:
    entry = {
        "batch_handler": "outbox.tests.test_together.take_batch",
        "events": "outbox.tests.test_together.hears_tests",
    }
    settings.EVENT_CONSUMERS, settings.EVENT_PUBLISHERS = {"batches": entry}, {}
    Batches.poison, Batches.sizes = set(), []


def recorded(count: int = 2) -> dict[int, list[str]]:
    """So many events in each shard, by shard."""
    return {shard: record(aggregate(shard=shard), count) for shard in SHARDS}


def ids_of(events: dict[int, list[str]]) -> list[str]:
    return sorted(id for ids in events.values() for id in ids)


def test_all_go_out_in_one_call_and_nobody_is_leased_after_it() -> None:
    """Each shard's in order."""
    events = recorded(3)
    progress = services.relay_once(only=["wire"])
    assert (progress.sequenced, progress.delivered, progress.moved) == (24, 24, 24)
    assert len(Wire.calls) == 1
    assert [id for id in Wire.sent if id in events[3]] == events[3]
    assert sorted(Wire.sent) == ids_of(events)
    assert not Cursor.objects.exclude(lease_expires_at=None).exists()
    assert_log_is_sound()


def test_a_pass_costs_the_same_for_eight_shards_and_for_four(settings: Settings) -> None:
    """In statements, and so in commits."""
    settings.EVENT_CONSUMERS = {"deaf": {"handler": "outbox.tests.support.take_effect", "events": ["nothing.*"]}}
    services.relay_once()
    counted = []
    for shards in (range(4), range(8)):
        for shard in shards:
            record(aggregate(shard=shard))
        with CaptureQueriesContext(connection) as captured:
            services.relay_once()
        counted.append(len([query for query in captured if "SAVEPOINT" not in query["sql"]]))
    assert counted[0] == counted[1] <= 16


def test_more_than_a_batch_goes_out_in_several() -> None:
    """None larger than it may be; a shard that is further behind gets one of its own."""
    events = recorded(3) | {20: record(aggregate(shard=20), 12)}
    services.drain(batch_size=10)
    assert max(map(len, Wire.calls)) == 10
    assert len(Wire.calls) < 2 + len(SHARDS)
    assert sorted(Wire.sent) == ids_of(events)
    assert sorted(effects()) == ids_of(events)


def test_an_event_to_blame_is_held_alone() -> None:
    """With what follows it in its aggregate; the other shards go on."""
    events = recorded()
    Wire.poison = {events[5][0]}
    services.relay_once(only=["wire"])
    assert set(HeldEvent.objects.values_list("event", flat=True)) == set(events[5])
    assert sorted(Wire.sent) == sorted(set(ids_of(events)) - set(events[5]))


def test_an_unreachable_subscriber_costs_one_call_and_one_shard_backs_off() -> None:
    """The others are as they were, and go out with it once it is back."""
    events = recorded()
    Wire.is_cut = True
    assert services.relay_once(only=["wire"]).backed_off == 1
    assert len(Wire.calls) == 1
    assert list(Cursor.objects.filter(failures__gt=0).values_list("subscriber", "failures")) == [("wire", 1)]
    assert not Cursor.objects.exclude(lease_expires_at=None).exists()
    Wire.is_cut = False
    Cursor.objects.update(available_at=None)
    services.drain(only=["wire"])
    assert sorted(Wire.sent) == ids_of(events)


def test_one_that_was_overtaken_keeps_nobody_from_moving() -> None:
    """Its lease is lost while the batch goes out: the others are sent again at most, and are where they should be."""
    events = recorded()

    def overtake() -> None:
        Wire.before_publish = None
        Cursor.objects.filter(subscriber="wire", shard=5).update(lease_token=F("lease_token") + 1)

    Wire.before_publish = overtake
    assert services.relay_once(only=["wire"]).leases_lost == 1
    positions = dict(Cursor.objects.filter(subscriber="wire", shard__in=SHARDS).values_list("shard", "position"))
    assert positions == dict.fromkeys(SHARDS, 2) | {5: 0}
    Cursor.objects.update(lease_expires_at=None)
    services.drain(only=["wire"])
    assert set(Wire.sent) == set(ids_of(events))


def test_told_to_stop_it_gives_back_what_is_left() -> None:
    """Nobody has to wait until its leases are over."""
    events = recorded()
    Wire.poison = {events[5][0]}
    services.relay_once(only=["wire"], stop=lambda: bool(Wire.calls))
    assert not Cursor.objects.exclude(lease_expires_at=None).exists()
    Wire.poison = set()
    services.drain(only=["wire"])
    assert sorted(Wire.sent) == ids_of(events)


def test_archived_events_among_them_come_back() -> None:
    """A publisher is moved back in all shards."""
    events = recorded()
    services.drain()
    archive()
    record(aggregate(shard=3))
    rewind()
    Wire.sent.clear()
    services.drain()
    assert set(ids_of(events)) < set(Wire.sent)
    assert len(Wire.sent) == len(set(Wire.sent)) == 17


def test_a_consumer_of_batches_takes_all_shards_at_once(batches: None) -> None:
    """What it does not hear of is passed over."""
    events = recorded()
    for shard in (1, 2, 9):
        record(aggregate(shard=shard), event=Unheard())
    services.relay_once()
    assert Batches.sizes == [16]
    assert sorted(effects()) == ids_of(events)
    behind = Cursor.objects.with_undelivered_events().exclude(subscriber=SEQUENCER)
    assert not behind.exists()


def test_a_batch_that_cannot_be_taken_is_taken_shard_by_shard(batches: None) -> None:
    """With no effect twice; what is to blame is held."""
    events = recorded()
    Batches.poison = {events[5][0]}
    services.relay_once()
    assert set(HeldEvent.objects.values_list("event", flat=True)) == set(events[5])
    assert sorted(effects()) == sorted(set(ids_of(events)) - set(events[5]))


def test_a_shard_that_cannot_be_numbered_holds_up_no_other() -> None:
    """An event is missing in it; the others get their numbers in the same pass."""
    events = recorded()
    OutboxEvent.objects.filter(id=events[5][0]).delete()
    progress = services.relay_once()
    assert (progress.sequenced, progress.backed_off) == (14, 1)
    assert not OutboxEvent.objects.exclude(shard=5).filter(position=None).exists()


def test_a_relay_that_had_leased_a_shard_keeps_it() -> None:
    """The others are numbered without it."""
    recorded()
    services.relay_once(only=[])
    recorded()
    Cursor.objects.filter(subscriber=SEQUENCER, shard=5).update(lease_expires_at="2999-01-01T00:00Z")
    assert services.relay_once(only=[]).sequenced == 14
    assert set(OutboxEvent.objects.filter(position=None).values_list("shard", flat=True)) == {5}


def test_a_consumer_of_batches_takes_a_single_shard_s_batch_at_once(batches: None) -> None:
    """In one call, one effect each, and all of them are counted."""
    ids = record(aggregate(shard=3), 5)
    progress = services.relay_once()
    assert (progress.delivered, progress.moved) == (5, 5)
    assert Batches.sizes == [5]
    assert effects() == ids


def test_a_batch_takes_effect_and_moves_its_cursor_past_all_of_it_in_one_commit(batches: None) -> None:
    """The relay dies after that, before it gives the lease back: nothing takes effect twice."""
    ids = record(aggregate(shard=3), 5)
    services.drain(only=[])

    def die_giving_back(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "lease_expires_at = NULL" in sql:
            raise RuntimeError("killed")
        return execute(sql, *rest)

    with connection.execute_wrapper(die_giving_back), pytest.raises(RuntimeError):
        services.relay_once()
    Cursor.objects.update(lease_expires_at=None)
    services.drain()
    assert effects() == ids
    assert Batches.sizes == [5]


def test_a_consumer_of_batches_goes_one_by_one_past_an_aggregate_that_is_held(batches: None) -> None:
    """What follows a held event queues behind it; the other aggregate of the shard goes on."""
    blocked, free = aggregate(shard=3), aggregate(shard=3)
    first = record(blocked)
    Batches.poison = set(first)
    services.drain()
    Batches.sizes = []
    behind, others = record(blocked), record(free, 2)
    services.drain()
    assert set(HeldEvent.objects.held().values_list("event", flat=True)) == {*first, *behind}
    assert effects() == others
    assert Batches.sizes == [1, 1]


def test_nothing_to_number_is_nothing_numbered() -> None:
    """Another relay was faster."""
    services.relay_once()
    assert sequencing.sequence_together(cursors=list(Cursor.objects.filter(subscriber=SEQUENCER)), limit=5) == 0


def test_numbering_together_makes_what_was_read_before_worthless() -> None:
    """A relay that has read the cursor before, and would claim it now, gets no lease."""
    services.relay_once()
    recorded(1)
    as_read_before = Cursor.objects.get(subscriber=SEQUENCER, shard=3)
    services.relay_once(only=[])
    assert leases.claim(cursor=as_read_before) is None


def test_numbering_together_is_all_or_nothing() -> None:
    """It fails after the events have their numbers: none has one."""
    services.relay_once()
    recorded(2)
    cursors = list(Cursor.objects.filter(subscriber=SEQUENCER))

    def fail_to_move(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "lease_token + 1" in sql:
            raise RuntimeError("here")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail_to_move), pytest.raises(RuntimeError):
        sequencing.sequence_together(cursors=cursors, limit=100)
    assert not OutboxEvent.objects.filter(position__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_cursors_are_moved_together_in_a_transaction_only() -> None:
    """The effects belong into it."""
    with pytest.raises(db.NotInTransaction):
        leases.move_together(leases={leased("wire", shard=3): 0})
