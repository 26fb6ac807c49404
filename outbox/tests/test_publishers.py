import pytest
from pytest_django.fixtures import Settings

from outbox import services
from outbox.models import Cursor, HeldEvent, seconds_from_now
from outbox.services import delivery
from outbox.services.leases import LeaseLost
from outbox.subscribers import registry
from outbox.tests.support import Wire, aggregate, effects, leased, record

pytestmark = pytest.mark.django_db


def test_events_go_out_in_batches_in_the_order_of_their_positions() -> None:
    """No call gets more than a batch; together they are the shard's log."""
    ids = record(aggregate(), 25)
    services.drain(batch_size=10)
    assert [len(call) for call in Wire.calls] == [10, 10, 5]
    assert Wire.sent == ids


def test_a_publisher_is_only_given_what_it_hears(settings: Settings) -> None:
    """Other events are passed over."""
    settings.EVENT_PUBLISHERS = {"wire": {"class": "outbox.tests.support.Wire", "events": ["invoice.*"]}}
    record(aggregate(), 4)
    services.drain()
    assert Wire.calls == []
    assert not Cursor.objects.filter(subscriber="wire").with_undelivered_events().exists()


def test_each_transport_failure_in_a_row_backs_off_for_longer() -> None:
    """Else a broker that is away for a night is dialled every second."""
    record(aggregate(shard=3), 3)
    Wire.is_cut = True
    for failures in (1, 2, 3):
        services.drain()
        assert Cursor.objects.get(subscriber="wire", shard=3).failures == failures
        Cursor.objects.update(available_at=None)


def test_a_transport_failure_backs_off_that_subscriber_and_nobody_else() -> None:
    """Consumers go on, nothing is held, and the publisher gets everything once it is back."""
    ids = record(aggregate(shard=3), 3)
    Wire.is_cut = True
    progress = services.drain()
    assert effects() == ids
    assert (Wire.sent, progress.backed_off, progress.held) == ([], 1, 0)
    assert Cursor.objects.get(subscriber="wire", shard=3).failures == 1
    Wire.is_cut = False
    assert services.drain().delivered == 0
    Cursor.objects.update(available_at=None)
    services.drain()
    assert Wire.sent == ids
    assert Cursor.objects.get(subscriber="wire", shard=3).failures == 0


def test_scar_the_event_row_is_not_the_delivery() -> None:
    """hyperswitch#3408: what one subscriber has is still undelivered for another, and status says so."""
    record(aggregate(shard=3), 2)
    Wire.is_cut = True
    services.drain()
    lags = {each.subscriber: each.lag for each in services.status()}
    assert (lags["effects"], lags["wire"]) == (0, 2)


def test_a_run_out_of_time_leaves_the_rest_to_the_next() -> None:
    """The task's budget ends a run between batches; nothing is lost by it."""
    ids = record(aggregate(), 10)
    assert services.relay_for(seconds=0).delivered == 0
    services.relay_for(seconds=30)
    assert Wire.sent == ids


def test_a_dead_subscriber_costs_one_timeout_a_pass() -> None:
    """After its first failure in a pass its other shards are left for the next."""
    for shard in range(8):
        record(aggregate(shard=shard))
    Wire.is_cut = True
    services.relay_once()
    assert len(Wire.calls) == 1
    assert len(effects()) == 8


def test_a_poisonous_event_is_found_and_only_its_aggregate_waits() -> None:
    """In a batch of three aggregates the bad event is singled out; its successors queue, the others arrive."""
    bad, good, other = aggregate(shard=3), aggregate(shard=3), aggregate(shard=3)
    before = record(bad)
    (poison,) = record(bad)
    around = record(good, 3)
    behind = record(bad, 2)
    after = record(other, 3)
    Wire.poison = {poison}
    services.drain()
    assert list(dict.fromkeys(Wire.sent)) == before + around + after
    line = HeldEvent.objects.line(subscriber="wire", aggregate_id=bad.pk)
    assert list(line.values_list("event_id", "attempts")) == [(poison, 1), (behind[0], 0), (behind[1], 0)]
    assert len(effects()) == 10


def test_every_event_poisonous_is_held_and_the_shard_moves_on() -> None:
    """Even then the batch ends, with each event held once."""
    ids = record(aggregate(shard=3), 1) + record(aggregate(shard=3), 1) + record(aggregate(shard=3), 1)
    Wire.poison = set(ids)
    services.drain()
    assert set(HeldEvent.objects.values_list("event_id", flat=True)) == set(ids)
    assert Cursor.objects.get(subscriber="wire", shard=3).position == 3


def test_a_line_cut_while_looking_for_poison_keeps_what_is_known() -> None:
    """Events that arrived before the cut are not held and not lost; the rest is sent after the cut."""
    first, second = record(aggregate(shard=3), 2), record(aggregate(shard=3), 2)
    Wire.poison = {first[0]}
    calls = 0

    def cut_later() -> None:
        nonlocal calls
        calls += 1
        Wire.is_cut = calls == 4

    Wire.before_publish = cut_later
    services.relay_once(only=["wire"])
    assert HeldEvent.objects.filter(event_id=first[0]).exists()
    Wire.before_publish, Wire.is_cut, Wire.poison = None, False, set()
    Cursor.objects.update(available_at=None)
    HeldEvent.objects.filter(attempts__gt=0).update(available_at="2000-01-01T00:00Z")
    services.drain()
    arrived = list(dict.fromkeys(Wire.sent))
    assert set(arrived) == {*first, *second}
    assert [pk for pk in arrived if pk in first] == first
    assert [pk for pk in arrived if pk in second] == second


def test_the_lease_is_extended_while_poison_is_looked_for() -> None:
    """Halving a batch takes many calls; nobody takes the shard over between them."""
    poison, *_ = record(aggregate(shard=3), 4)
    Wire.poison = {poison}
    claimable: list[bool] = []

    def run_out() -> None:
        claimable.append(Cursor.objects.claimable().filter(subscriber="wire", shard=3).exists())
        Cursor.objects.filter(subscriber="wire", shard=3).update(lease_expires_at=seconds_from_now(-1))

    Wire.before_publish = run_out
    services.relay_once()
    assert len(claimable) > 2
    assert not any(claimable)


def test_a_lease_lost_while_publishing_sends_once_more_and_loses_nothing() -> None:
    """The overtaken relay's move is refused; the next one sends the same batch again."""
    ids = record(aggregate(shard=3), 2)
    services.drain(only=[])
    lease = leased("wire", shard=3)

    def overtake() -> None:
        Cursor.objects.filter(subscriber="wire", shard=3).update(lease_token=lease.token + 1)

    Wire.before_publish = overtake
    with pytest.raises(LeaseLost):
        delivery.deliver(lease=lease, subscriber=registry.configured()["wire"], batch_size=10, stop=lambda: False)
    assert _wire_cursor().position == 0
    Wire.before_publish = None
    Cursor.objects.update(lease_expires_at=None)
    services.drain()
    assert Wire.sent == ids * 2


def _wire_cursor() -> Cursor:
    return Cursor.objects.get(subscriber="wire", shard=3)
