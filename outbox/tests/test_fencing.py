"""What a lease protects: its own cursor, as it was left, until it is given back or has run out."""

from collections.abc import Callable

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from config.kernel import db
from outbox import services
from outbox.models import Cursor, HeldEvent, OutboxEvent, seconds_from_now
from outbox.services import consuming, delivery, leases
from outbox.services.leases import Lease, LeaseLost
from outbox.subscribers import registry
from outbox.tests.support import Refusals, aggregate, effects, leased, record, take_effect

pytestmark = pytest.mark.django_db
CHECKED = db.transaction(idempotent=True)(leases.check)
USES: dict[str, Callable[[Lease], object]] = {
    "renew": lambda lease: leases.renew(lease=lease),
    "check": lambda lease: CHECKED(lease=lease),
    "back off": lambda lease: leases.back_off(lease=lease),
    "give back": lambda lease: leases.give_back(lease=lease, position=lease.position),
}


def cursor_of(lease: Lease) -> Cursor:
    return Cursor.objects.get(subscriber=lease.subscriber, shard=lease.shard)


def is_free(lease: Lease) -> bool:
    return leases.claim(cursor=cursor_of(lease)) is not None


def watched(*, event: OutboxEvent) -> None:
    """A consumer that has no effect while somebody else could claim its cursor."""
    cursor = Cursor.objects.filter(subscriber="effects", shard=event.shard)
    assert cursor.filter(lease_expires_at__gt=seconds_from_now(1)).exists()
    take_effect(event=event)


@pytest.mark.parametrize("use", USES)
def test_whose_cursor_was_claimed_since_can_do_nothing_with_it(use: str) -> None:
    """Though it is where they left it."""
    stale = leased("effects", shard=3)
    Cursor.objects.update(lease_expires_at=seconds_from_now(-1))
    fresh = leased("effects", shard=3)
    before = Cursor.objects.filter(pk=cursor_of(fresh).pk).values().get()
    with pytest.raises(LeaseLost):
        USES[use](stale)
    assert Cursor.objects.filter(pk=cursor_of(fresh).pk).values().get() == before


@pytest.mark.parametrize("use", USES)
def test_whose_cursor_has_moved_since_can_do_nothing_with_it(use: str) -> None:
    """Though nobody else has claimed it: what they know of it is old."""
    lease = leased("effects", shard=3)
    Cursor.objects.filter(pk=cursor_of(lease).pk).update(position=F("position") + 1)
    with pytest.raises(LeaseLost):
        USES[use](lease)


@pytest.mark.parametrize("use", USES)
def test_a_lease_is_of_one_cursor(use: str) -> None:
    """Others with the same token and position stay as they are, of other shards and of other subscribers."""
    lease = leased("effects", shard=3)
    Cursor.objects.exclude(pk=cursor_of(lease).pk).update(lease_token=lease.token, position=lease.position)
    others = Cursor.objects.exclude(pk=cursor_of(lease).pk).order_by("pk")
    before = list(others.values())
    USES[use](lease)
    assert list(others.values()) == before


@pytest.mark.parametrize("use", ["renew", "check"])
def test_a_lease_that_is_renewed_lasts_its_whole_time_again(use: str) -> None:
    """From now on, by the database's time."""
    lease = leased("effects", shard=3)
    Cursor.objects.update(lease_expires_at=seconds_from_now(1))
    USES[use](lease)
    assert Cursor.objects.filter(pk=cursor_of(lease).pk, lease_expires_at__gt=seconds_from_now(8)).exists()


def test_a_check_is_a_step_of_its_callers_transaction() -> None:
    """Outside of one it would lock nothing."""
    with pytest.raises(db.NotInTransaction):
        leases.check(lease=leased("effects", shard=3))


@pytest.mark.parametrize("release", [False, True])
def test_a_move_keeps_the_lease_or_gives_it_back(release: bool) -> None:
    """Kept, it lasts its whole time again."""
    lease = leased("effects", shard=3)
    Cursor.objects.update(lease_expires_at=seconds_from_now(1))
    moved = db.transaction(idempotent=True)(leases.move)(lease=lease, position=4, release=release)
    assert (moved.position, cursor_of(lease).position) == (4, 4)
    assert Cursor.objects.filter(lease_expires_at__gt=seconds_from_now(8)).exists() is not release
    assert is_free(lease) is release


def test_failures_are_counted_from_the_latest_success() -> None:
    """A move ends the row of them: the next failure is the first."""
    lease = leased("effects", shard=3)
    for _ in range(2):
        leases.back_off(lease=lease)
        Cursor.objects.update(available_at=None)
        claimed = leases.claim(cursor=cursor_of(lease))
        assert claimed is not None
        lease = claimed
    assert lease.failures == 2
    moved = db.transaction(idempotent=True)(leases.move)(lease=lease, position=1, release=False)
    leases.back_off(lease=moved)
    assert cursor_of(moved).failures == 1


def test_a_cursor_that_is_missing_is_created_beside_those_that_are_there() -> None:
    """Theirs stay where they are."""
    lease = leased("effects", shard=3)
    leases.give_back(lease=lease, position=7)
    Cursor.objects.filter(subscriber="effects", shard=5).delete()
    leases.create_missing_cursors(subscribers=registry.configured().values())
    positions = Cursor.objects.filter(subscriber="effects", shard__in=(3, 5)).order_by("shard")
    assert list(positions.values_list("position", flat=True)) == [7, 0]


def test_nobody_can_claim_a_cursor_between_two_effects(settings: Settings) -> None:
    """It is given back after the batch."""
    settings.EVENT_CONSUMERS = {"effects": {"handler": f"{__name__}.watched", "events": ["test.*"]}}
    ids = record(aggregate(shard=6), 3)
    services.drain()
    assert effects() == ids
    assert Cursor.objects.get(subscriber="effects", shard=6).lease_expires_at is None


def test_what_is_delivered_and_what_is_held_is_counted() -> None:
    """The refused event and the one behind it are held, the other aggregate's takes effect."""
    refused, other = record(aggregate(shard=6), 2), record(aggregate(shard=6))
    Refusals.poison = {refused[0]}
    services.drain(only=[])
    run = delivery.deliver(
        lease=leased("effects", shard=6),
        subscriber=registry.configured()["effects"],
        batch_size=10,
        stop=lambda: False,
    )
    assert (run.delivered, run.held, run.moved) == (1, 2, 3)
    assert effects() == other


def test_a_held_event_takes_no_effect_under_a_lost_lease() -> None:
    """Whoever has claimed the cursor since may be about to deliver it."""
    (event,) = record(aggregate(shard=6))
    Refusals.poison = {event}
    services.drain()
    Refusals.poison = set()
    stale = leased("effects", shard=6)
    Cursor.objects.update(lease_expires_at=None)
    leased("effects", shard=6)
    consumer = registry.configured()["effects"]
    with pytest.raises(LeaseLost):
        consuming.consume_held(lease=stale, consumer=consumer, held=HeldEvent.objects.get())  # type: ignore[arg-type]
    assert effects() == []
    assert HeldEvent.objects.get().status == "held"
