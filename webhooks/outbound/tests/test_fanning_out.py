"""The log becomes deliveries: each event once for each endpoint that hears of it, in few statements."""

from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from invoices.events import CustomerUpdated
from outbox import services as outbox
from outbox.models import HeldEvent, OutboxEvent
from outbox.tests.support import aggregate, record
from tests.invariants import check_invariants
from webhooks.outbound import services
from webhooks.outbound.models import Delivery
from webhooks.outbound.tests.support import ACTOR, happen, make_endpoint

pytestmark = pytest.mark.django_db(transaction=True)

UPDATED = CustomerUpdated(customer="cus_1", name="Ada", email="")


def test_each_event_becomes_one_delivery_for_each_endpoint() -> None:
    """Whether it is enabled or paused; disabled and deleted ones hear nothing, nor do those of other types."""
    enabled, paused, disabled, deleted = (make_endpoint() for _ in range(4))
    other = make_endpoint(listens_to=("invoice.*",))
    services.pause(actor=ACTOR, endpoint_id=paused.id)
    services.disable(actor=ACTOR, endpoint_id=disabled.id)
    services.delete(actor=ACTOR, endpoint_id=deleted.id)
    happen(5)
    made = [each.deliveries.count() for each in (enabled, paused, disabled, deleted, other)]
    assert made == [5, 5, 0, 0, 0]
    check_invariants()


def test_what_happened_before_there_was_an_endpoint_is_not_sent() -> None:
    """It hears of what happens from then on."""
    happen(2)
    make_endpoint()
    happen(1)
    assert Delivery.objects.count() == 1


def test_a_batch_takes_as_many_statements_as_one_event() -> None:
    """However many events of a shard there are, and endpoints."""
    for _ in range(3):
        make_endpoint()
    one, many = _statements_to_fan_out(1), _statements_to_fan_out(30)
    assert one == many
    assert Delivery.objects.count() == 3 * (1 + 30)


def test_with_no_endpoint_the_log_is_passed_over() -> None:
    """One statement more than a consumer that hears nothing takes: the one that asks what is wanted."""
    one, many = _statements_to_fan_out(1), _statements_to_fan_out(30)
    assert one == many
    make_endpoint()
    assert many < _statements_to_fan_out(30)


def test_an_event_that_cannot_be_fanned_out_is_held_alone(settings: Settings) -> None:
    """The others of its batch become deliveries."""
    ours = settings.EVENT_CONSUMERS["webhooks"]
    settings.EVENT_CONSUMERS = {"webhooks": ours | {"batch_handler": f"{__name__}.fan_out_but_one"}}
    make_endpoint()
    source = aggregate(shard=3)
    record(source, 3, event=UPDATED)
    record(aggregate(shard=3), 2, event=UPDATED.model_copy(update={"name": "poison"}))
    outbox.drain()
    assert Delivery.objects.filter(event__aggregate_id=source.id).count() == 3
    assert HeldEvent.objects.count() == 2


def fan_out_but_one(*, events: Sequence[OutboxEvent]) -> None:
    """Fans out what is not poison."""
    if any(event.data["name"] == "poison" for event in events):
        raise ValueError("cannot take this")
    services.fan_out(events=events)


def _statements_to_fan_out(events: int) -> int:
    record(aggregate(shard=3), events, event=UPDATED)
    outbox.drain(only=[])
    with CaptureQueriesContext(connection) as captured:
        outbox.relay_once()
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])
