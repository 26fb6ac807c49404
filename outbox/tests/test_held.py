import pytest
from pytest_django.fixtures import Settings

from config.kernel.errors import ForbiddenTransition
from outbox import services
from outbox.models import HeldEvent, OutboxEvent, seconds_from_now
from outbox.services import HeldEventNotFound, NotFirstInLine
from outbox.tests.support import (
    ACTOR,
    Refusals,
    Wire,
    aggregate,
    effects,
    on_mariadb,
    record,
    take_effect,
)
from tests.concurrency.threads import all_at_once

pytestmark = pytest.mark.django_db


def test_a_held_event_is_delivered_when_its_next_try_succeeds_and_its_line_follows_in_order() -> None:
    """Publisher and consumer alike: nothing of the aggregate overtakes the event that was held."""
    held, *behind = _hold()
    Wire.poison, Refusals.poison = set(), set()
    services.drain()
    assert Wire.sent == effects() == []
    _make_due()
    services.drain()
    assert Wire.sent == effects() == [held, *behind]
    assert set(HeldEvent.objects.values_list("status", flat=True)) == {"delivered"}


def test_events_recorded_while_their_aggregate_is_blocked_queue_at_the_end() -> None:
    """They wait their turn although the subscriber would take them."""
    customer = aggregate()
    first = record(customer)
    Wire.poison = set(first)
    services.drain()
    later = record(customer, 2)
    services.drain()
    assert Wire.sent == []
    Wire.poison = set()
    _make_due()
    services.drain()
    assert Wire.sent == first + later


def test_each_failed_try_waits_longer() -> None:
    """A try that fails again raises the count, keeps the error and sets the next one later."""
    _hold()
    _make_due()
    services.drain()
    for row in HeldEvent.objects.filter(attempts__gt=0):
        assert row.attempts == 2
        assert "ValueError" in row.error
    assert not HeldEvent.objects.due().exists()


def test_scar_poison_message_is_given_up() -> None:
    """django-jaiminho#254: after N tries it is left for staff, blocks only its aggregate, and is never tried again."""
    _hold_until_given_up()
    tries = len(Wire.calls)
    others = record(aggregate(), 2)
    services.drain()
    assert Wire.sent == others
    assert len(Wire.calls) == tries + 1
    (standing,) = [each for each in services.status() if each.subscriber == "wire"]
    assert (standing.held, standing.given_up) == (2, 1)


def test_staff_requeue_a_given_up_event() -> None:
    """It gets all its tries again; who asked and why is kept."""
    held, *behind = _hold_until_given_up()
    Wire.poison = set()
    row = services.requeue_held(held_id=_first().pk, actor=ACTOR, reason="fixed the schema")
    assert (row.attempts, row.given_up_at, row.actor, row.reason) == (0, None, ACTOR.actor, "fixed the schema")
    services.drain()
    assert Wire.sent == [held, *behind]


def test_what_is_due_now_is_due_at_once() -> None:
    """Not only from the next millisecond on, which is as fine as SQLite's clock goes."""
    _hold()
    for _ in range(100):
        HeldEvent.objects.exclude(available_at=None).update(available_at=seconds_from_now(0))
        assert HeldEvent.objects.due().exists()


def test_staff_skip_an_event_and_its_line_goes_on() -> None:
    """The subscriber never gets it; the next of the aggregate arrives, in order."""
    _, *behind = _hold_until_given_up()
    row = services.skip_held(held_id=_first().pk, actor=ACTOR, reason="obsolete")
    assert (row.status, row.actor, row.reason) == ("skipped", ACTOR.actor, "obsolete")
    services.drain()
    assert Wire.sent == behind
    assert row.resolved_at is not None


def test_staff_skip_the_last_of_a_line_and_the_aggregate_flows_again() -> None:
    """Nothing blocks it any more."""
    customer = aggregate()
    Wire.poison = set(record(customer))
    services.drain()
    services.skip_held(held_id=HeldEvent.objects.get().pk, actor=ACTOR, reason="obsolete")
    later = record(customer)
    services.drain()
    assert Wire.sent == later


def test_an_event_behind_another_cannot_be_requeued_but_can_be_skipped() -> None:
    """Requeueing it would overtake the first; the refusal names the one to deal with."""
    _hold_until_given_up()
    first, second = HeldEvent.objects.filter(subscriber="wire").order_by("sequence")
    with pytest.raises(NotFirstInLine) as refusal:
        services.requeue_held(held_id=second.pk, actor=ACTOR, reason="impatient")
    assert first.pk in refusal.value.detail
    services.skip_held(held_id=second.pk, actor=ACTOR, reason="not needed")
    assert HeldEvent.objects.get(pk=first.pk).given_up_at is not None


@pytest.mark.parametrize("action", [services.requeue_held, services.skip_held])
def test_a_resolved_event_is_final(action: object) -> None:
    """Neither requeue nor skip touches it."""
    assert callable(action)
    _hold()
    services.skip_held(held_id=_first().pk, actor=ACTOR, reason="obsolete")
    skipped = HeldEvent.objects.get(status="skipped")
    with pytest.raises(ForbiddenTransition):
        action(held_id=skipped.pk, actor=ACTOR, reason="again")


@pytest.mark.parametrize("id", ["", "nonsense", "hev_nonsense", f"evt_{'0' * 26}", f"hev_{'0' * 26}"])
@pytest.mark.parametrize("action", [services.requeue_held, services.skip_held])
def test_nothing_is_not_found(action: object, id: str) -> None:
    """Whatever the id looks like."""
    assert callable(action)
    with pytest.raises(HeldEventNotFound):
        action(held_id=id, actor=ACTOR, reason="who?")


def test_an_event_skipped_while_it_is_sent_stays_skipped() -> None:
    """Staff decide during the publisher's call: the skip stands, and the line goes on."""
    _hold()
    _make_due()
    Wire.poison = set()
    Refusals.poison = set()
    row = HeldEvent.objects.get(subscriber="wire", attempts=1)

    def skip_meanwhile() -> None:
        Wire.before_publish = None
        services.skip_held(held_id=row.pk, actor=ACTOR, reason="too late")

    Wire.before_publish = skip_meanwhile
    services.drain(only=["wire"])
    assert HeldEvent.objects.get(pk=row.pk).status == "skipped"
    assert HeldEvent.objects.exclude(pk=row.pk).get(subscriber="wire").status == "delivered"


@pytest.mark.django_db(transaction=True)
def test_an_event_skipped_while_it_is_tried_takes_no_effect(settings: Settings) -> None:
    """Staff decide while the handler runs: its effect is rolled back, and the line goes on."""
    if not on_mariadb():
        pytest.skip("SQLite lets one writer in at a time")
    held, behind = _hold()
    _make_due()
    Refusals.poison = set()
    settings.EVENT_CONSUMERS = {"effects": {"handler": f"{__name__}.skip_while_handling", "events": ["test.*"]}}
    services.drain(only=["effects"])
    assert effects() == [behind]
    assert HeldEvent.objects.get(subscriber="effects", event=held).status == "skipped"


def skip_while_handling(*, event: OutboxEvent) -> None:
    take_effect(event=event)
    row = HeldEvent.objects.get(subscriber="effects", event=event)
    if row.attempts:
        all_at_once([lambda: services.skip_held(held_id=row.pk, actor=ACTOR, reason="too late")])


def test_a_transport_failure_costs_a_held_event_no_try() -> None:
    """Its shard backs off; the count stays."""
    _hold()
    _make_due()
    Wire.is_cut = True
    services.drain(only=["wire"])
    assert HeldEvent.objects.get(subscriber="wire", attempts__gt=0).attempts == 1


@pytest.fixture(autouse=True)
def few_tries(settings: Settings) -> None:
    settings.OUTBOX_HELD_ATTEMPTS = 3


def _hold() -> list[str]:
    """Two events of one aggregate, the first refused by publisher and consumer, the second behind it."""
    recorded = record(aggregate(), 2)
    Wire.poison, Refusals.poison = {recorded[0]}, {recorded[0]}
    services.drain()
    assert HeldEvent.objects.count() == 4
    return recorded


def _hold_until_given_up() -> list[str]:
    recorded = _hold()
    for _ in range(3):
        _make_due()
        services.drain()
    assert HeldEvent.objects.filter(given_up_at__isnull=False).count() == 2
    return recorded


def _make_due() -> None:
    HeldEvent.objects.filter(available_at__isnull=False).update(available_at="2000-01-01T00:00Z")


def _first() -> HeldEvent:
    row = HeldEvent.objects.filter(subscriber="wire").order_by("sequence").first()
    assert row is not None
    return row
