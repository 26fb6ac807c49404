from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from config.kernel import correlation
from config.kernel.errors import Unavailable
from invoices.models import Customer
from outbox import services
from outbox.models import Cursor, HeldEvent, OutboxEvent
from outbox.services import consuming, delivery, leases
from outbox.services.leases import LeaseLost
from outbox.subscribers import registry
from outbox.subscribers.registry import Consumer
from outbox.tests.support import (
    ACTOR,
    Refusals,
    Unheard,
    Wire,
    aggregate,
    effects,
    leased,
    record,
    take_effect,
)

pytestmark = pytest.mark.django_db


def test_a_consumer_hears_what_its_patterns_match_and_passes_over_the_rest() -> None:
    """Its cursor ends at the head though only matching events took effect."""
    customer = aggregate()
    record(customer, 3, event=Unheard())
    heard = record(customer, 2)
    record(customer, 3, event=Unheard())
    services.drain()
    assert effects() == heard
    assert Cursor.objects.get(subscriber="effects", shard=services.shard_of(customer.pk)).position == 8


@pytest.mark.parametrize("shards", [[3], [3, 4, 5]])
def test_a_consumer_with_a_chooser_gets_what_that_chooses(settings: Settings, shards: list[int]) -> None:
    """One event after the other; the rest is passed over, in one shard or in several at once."""
    entry = {**settings.EVENT_CONSUMERS["effects"], "chooser": f"{__name__}.choose_every_third"}
    settings.EVENT_CONSUMERS = {"effects": entry}
    recorded = {shard: record(aggregate(shard=shard), 7) for shard in shards}
    services.drain()
    assert sorted(effects()) == sorted(id for ids in recorded.values() for id in (ids[2], ids[5]))
    assert set(Cursor.objects.filter(subscriber="effects", shard__in=shards).values_list("position", flat=True)) == {7}


@pytest.mark.parametrize("shards", [[3], [3, 4, 5]])
def test_what_a_chooser_leaves_out_costs_no_transaction_of_its_own(settings: Settings, shards: list[int]) -> None:
    """A pass takes as many statements for thirty events that nobody wants as for one."""
    entry = {**settings.EVENT_CONSUMERS["effects"], "chooser": f"{__name__}.choose_nothing"}
    settings.EVENT_CONSUMERS, settings.EVENT_PUBLISHERS = {"effects": entry}, {}
    services.relay_once()
    counted = []
    for count in (1, 30):
        for shard in shards:
            record(aggregate(shard=shard), count)
        services.drain(only=[])
        with CaptureQueriesContext(connection) as captured:
            services.relay_once()
        counted.append(len(captured))
    assert counted[0] == counted[1]
    assert effects() == []


def choose_every_third(*, events: Sequence[OutboxEvent]) -> list[OutboxEvent]:
    return [event for event in events if event.sequence % 3 == 0]


def choose_nothing(*, events: Sequence[OutboxEvent]) -> list[OutboxEvent]:
    return []


def test_a_crash_between_effect_and_cursor_move_leaves_one_effect() -> None:
    """The lease is lost after the handler ran: its effect is rolled back, and the next holder makes it once."""
    (event,) = record(aggregate(shard=4))
    services.drain(only=[])
    lease = leased("effects", shard=4)

    def overtaken(*, event: OutboxEvent) -> None:
        take_effect(event=event)
        Cursor.objects.filter(subscriber="effects", shard=4).update(lease_token=lease.token + 1, lease_expires_at=None)

    consumer = Consumer(name="effects", patterns=("*",), from_beginning=True, handler=overtaken)
    with pytest.raises(LeaseLost):
        delivery.deliver(lease=lease, subscriber=consumer, batch_size=10, stop=lambda: False)
    assert effects() == []
    Cursor.objects.filter(subscriber="effects").update(lease_expires_at=None)
    services.drain()
    services.drain()
    assert effects() == [event]


def test_an_effect_is_not_repeated_after_a_commit_of_unknown_outcome() -> None:
    """Running the same transaction again finds the cursor moved, and rolls the second effect back."""
    (event_id,) = record(aggregate(shard=4))
    services.drain(only=[])
    lease = leased("effects", shard=4)
    event = OutboxEvent.objects.get(pk=event_id)
    consumer = registry.configured()["effects"]
    assert isinstance(consumer, Consumer)
    consuming._take_effect(lease=lease, consumer=consumer, events=[event])
    with pytest.raises(LeaseLost):
        consuming._take_effect(lease=lease, consumer=consumer, events=[event])
    assert effects() == [event_id]


def test_what_a_handler_records_is_relayed_in_turn(settings: Settings) -> None:
    """An event caused by an event carries the correlation id of its cause."""
    settings.EVENT_CONSUMERS = {"chain": {"handler": f"{__name__}.record_consequence", "events": ["test.happened"]}}
    with correlation.bind("req_cause"):
        record(aggregate())
    services.drain()
    consequence = OutboxEvent.objects.get(type="other.happened")
    assert consequence.correlation_id == "req_cause"
    assert consequence.pk in Wire.sent


def record_consequence(*, event: OutboxEvent) -> None:
    source = Customer.objects.select_for_update().get(pk=event.aggregate_id)
    services.record(source=source, event=Unheard(), actor=ACTOR)


def test_an_unavailable_database_backs_off_without_blaming_the_event() -> None:
    """A handler that could not get through its locks is tried again later: nothing is held."""
    Refusals.error = Unavailable()
    Refusals.poison = set(record(aggregate()))
    progress = services.drain()
    assert progress.backed_off == 1
    assert effects() == []
    assert not HeldEvent.objects.exists()
    Refusals.poison = set()
    Cursor.objects.update(available_at=None)
    services.drain()
    assert len(effects()) == 1


def test_a_poisonous_event_is_held_with_its_error_and_without_its_effect() -> None:
    """The transaction of the handler that failed is rolled back; the events after it, of others, take effect."""
    poison = record(aggregate(shard=2))
    others = record(aggregate(shard=2), 2)
    Refusals.poison = set(poison)
    services.drain()
    assert effects() == others
    held = HeldEvent.objects.get()
    assert (held.event_id, held.status, held.attempts) == (poison[0], "held", 1)
    assert "cannot take this" in held.error


def test_stop_is_asked_between_two_events() -> None:
    """A consumer's batch ends early, and the next run goes on from there."""
    ids = record(aggregate(shard=6), 5)
    services.drain(only=[])
    lease = leased("effects", shard=6)
    answers = iter([False, False, False])
    run = delivery.deliver(
        lease=lease,
        subscriber=registry.configured()["effects"],
        batch_size=10,
        stop=lambda: next(answers, True),
    )
    assert effects() == ids[: run.delivered]
    assert 0 < run.delivered < 5
    services.drain()
    assert effects() == ids


def test_a_gap_in_the_log_is_never_skipped() -> None:
    """A position that is gone stops the subscriber's shard instead of passing for delivered."""
    ids = record(aggregate(shard=6), 3)
    services.drain(only=[])
    OutboxEvent.objects.filter(pk=ids[1]).delete()
    progress = services.drain()
    assert progress.backed_off == 2
    assert effects() == Wire.sent == []


def test_a_replay_is_a_cursor_moved_back() -> None:
    """An event whose earlier trouble is resolved can be delivered, and held, once more."""
    (event,) = record(aggregate(shard=6))
    Refusals.poison = {event}
    services.drain()
    services.skip_held(held_id=HeldEvent.objects.get().pk, actor=ACTOR, reason="never mind")
    Cursor.objects.filter(subscriber="effects", shard=6).update(position=0)
    services.drain()
    assert HeldEvent.objects.get().status == "held"
    assert leases.claim(cursor=Cursor.objects.get(subscriber="effects", shard=6)) is not None
