"""From an event to a receiver's 2xx, and everything that a receiver may do instead."""

import contextlib
import datetime
import threading
import time
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from pytest_django.fixtures import Settings

from config.kernel import clock
from config.kernel.errors import Unavailable
from config.test_clock import services as clock_services
from outbox.models import OutboxEvent
from tests.faults import CONNECTION_LOST
from webhooks.outbound import services, tasks
from webhooks.outbound.models import Attempt, Delivery, Endpoint, EndpointSecret
from webhooks.outbound.services import claiming
from webhooks.outbound.tests.receivers import Received, Receiver, Say
from webhooks.outbound.tests.support import ACTOR, deliver, happen, make_endpoint, the_delivery

pytestmark = pytest.mark.django_db(transaction=True)


def due_again() -> None:
    """The time of the next try has come."""
    Delivery.objects.filter(status="pending").update(available_at=clock.now())


def test_an_event_arrives_as_documented(receiver: Receiver) -> None:
    """Body, id and state, and one line in the log of tries."""
    endpoint = make_endpoint(receiver.url)
    [customer] = happen()
    assert deliver() == 1
    [received] = receiver.received
    event = OutboxEvent.objects.get(type="customer.created")
    assert received.document == {
        "type": "customer.created",
        "timestamp": event.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "sequence": 1,
        "data": {"customer": customer.id, "name": "Ada 0", "email": ""},
    }
    assert receiver.ids == [event.id]
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.status_code, delivery.available_at) == (
        "delivered",
        1,
        200,
        None,
    )
    tried = Attempt.objects.get()
    assert (tried.delivery_id, tried.url, tried.status_code, tried.error) == (delivery.id, endpoint.url, 200, "")


def test_only_who_listens_hears(receiver: Receiver) -> None:
    """By type, wildcards included; each of two endpoints has its own delivery."""
    make_endpoint(receiver.url, listens_to=("invoice.*", "payment.succeeded"))
    make_endpoint(receiver.url)
    make_endpoint(receiver.url, listens_to=("customer.cr*",))
    happen()
    assert deliver() == 2
    assert len(set(receiver.ids)) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 404, 429, 500, 503])
def test_any_other_answer_is_tried_again(receiver: Receiver, status: int) -> None:
    """After about five seconds, under the same id, and signed anew."""
    make_endpoint(receiver.url)
    happen()
    receiver.answer = lambda _: Say(status, b"no", {"Location": receiver.url})
    assert deliver() == 1
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.status_code) == ("pending", 1, status)
    assert delivery.error.startswith(f"answered with {status}")
    assert delivery.available_at is not None
    assert 3 < (delivery.available_at - clock.now()).total_seconds() < 6.5
    assert deliver() == 0
    receiver.answer = lambda _: Say(204)
    due_again()
    assert deliver() == 1
    assert the_delivery().status == "delivered"
    assert len(set(receiver.ids)) == 1
    assert [each.status_code for each in Attempt.objects.order_by("id")] == [status, 204]


def test_after_eight_tries_it_is_dead(receiver: Receiver) -> None:
    """Every try is in the log, and nothing is left to do."""
    make_endpoint(receiver.url)
    happen()
    receiver.answer = lambda _: Say(500)
    for _ in range(8):
        assert deliver() == 1
        due_again()
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.available_at) == ("dead", 8, None)
    assert deliver() == 0
    assert Attempt.objects.count() == 8


def test_who_asks_for_time_gets_it(receiver: Receiver) -> None:
    """Retry-After is respected where it is later than the schedule, up to a day."""
    make_endpoint(receiver.url)
    happen(3)
    waits = iter(["120", "1", "999999999"])
    receiver.answer = lambda _: Say(429, headers={"Retry-After": next(waits)})
    started = clock.now()
    deliver()
    after = sorted(
        (each.available_at - started).total_seconds() for each in Delivery.objects.all() if each.available_at
    )
    assert 3 < after[0] < 8
    assert 119 < after[1] < 125
    assert 86_395 < after[2] < 86_405


def test_an_endpoint_that_is_gone_hears_no_more(receiver: Receiver) -> None:
    """410 disables it at once, which is an event of its own."""
    endpoint = make_endpoint(receiver.url)
    happen()
    receiver.answer = lambda _: Say(410)
    deliver()
    endpoint = Endpoint.objects.get(pk=endpoint.pk)
    assert (endpoint.status, endpoint.disabled_because) == ("disabled", "it answered with 410 Gone")
    assert the_delivery().status == "dead"
    happen()
    assert Delivery.objects.count() == 1
    assert OutboxEvent.objects.filter(type="webhook_endpoint.disabled", aggregate_id=endpoint.id).count() == 1


def test_scar_outpost_596_five_days_of_only_failures_disable_it(receiver: Receiver) -> None:
    """Not before; a success in between begins them anew."""
    endpoint = make_endpoint(receiver.url)
    receiver.answer = lambda _: Say(500)
    happen(2)
    deliver()
    since = Endpoint.objects.get().failing_since
    assert since is not None
    due_again()
    deliver()
    assert Endpoint.objects.get().failing_since == since
    Endpoint.objects.update(failing_since=clock.now() - datetime.timedelta(days=5))
    receiver.answer = lambda _: Say(200)
    due_again()
    deliver()
    assert Endpoint.objects.get().failing_since is None
    receiver.answer = lambda _: Say(500)
    Endpoint.objects.update(failing_since=clock.now() - datetime.timedelta(days=5))
    happen()
    deliver()
    endpoint = Endpoint.objects.get(pk=endpoint.pk)
    assert (endpoint.status, endpoint.disabled_because) == ("disabled", "every try has failed for 5 days")


def test_scar_convoy_1453_what_waited_during_a_pause_goes_out_in_one_go(receiver: Receiver) -> None:
    """Also what was waiting for its next try."""
    endpoint = make_endpoint(receiver.url)
    receiver.answer = lambda _: Say(500)
    happen()
    deliver()
    services.pause(actor=ACTOR, endpoint_id=endpoint.id)
    happen(3)
    assert deliver() == 0
    receiver.answer = lambda _: Say(200)
    services.resume(actor=ACTOR, endpoint_id=endpoint.id)
    assert deliver() == 4
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_scar_outpost_670_what_is_sent_again_has_the_same_id(receiver: Receiver) -> None:
    """A delivered one as well as a dead one; its log goes on."""
    make_endpoint(receiver.url)
    happen()
    deliver()
    services.resend(actor=ACTOR, delivery_id=the_delivery().id, reason="they lost it")
    assert deliver() == 1
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.actor, delivery.reason) == (
        "delivered",
        1,
        ACTOR.actor,
        "they lost it",
    )
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert delivery.tries.count() == 2


def test_scar_hyperswitch_3408_an_event_that_is_stored_is_not_taken_for_sent(receiver: Receiver) -> None:
    """Of two endpoints one is away: its delivery waits, whatever became of the other's."""
    make_endpoint(receiver.url)
    away = make_endpoint("http://127.0.0.1:9/nobody")
    happen()
    deliver()
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["delivered", "pending"]
    assert Delivery.objects.get(endpoint=away).error
    assert Delivery.objects.get(endpoint=away).status_code is None


def test_a_slow_endpoint_does_not_delay_a_quick_one(receiver: Receiver) -> None:
    """Nor do sixty that hang, half of them for the first time and half known to fail; each has ten events due."""
    over = threading.Event()
    arrived: list[float] = []

    def slowly(received: Received) -> Say:
        if received.path == "/quick":
            arrived.append(time.monotonic())
        else:
            over.wait(20)
        return Say()

    receiver.answer = slowly
    for n in range(60):
        make_endpoint(f"{receiver.url}/{n}")
    Endpoint.objects.filter(id__in=list(Endpoint.objects.values_list("id", flat=True)[:30])).update(
        failing_since=clock.now()
    )
    make_endpoint(receiver.url.replace("/hook", "/quick"))
    happen(10)
    started = time.monotonic()

    def enough() -> bool:
        if len(arrived) == 10 or time.monotonic() - started > 10:
            over.set()
        return over.is_set()

    services.deliver(stop=enough)
    assert len(arrived) == 10
    assert max(arrived) - started < 5


def test_two_workers_send_nothing_twice(receiver: Receiver) -> None:
    """A claim is somebody's alone."""
    endpoint = make_endpoint(receiver.url)
    happen(6)
    first = claiming.claim(endpoint=endpoint, limit=4)
    second = claiming.claim(endpoint=endpoint, limit=4)
    assert len({each.id for each in [*first, *second]}) == 6
    assert deliver() == 0
    claiming.give_back(second)
    assert deliver() == 2


def test_what_a_dead_worker_had_claimed_is_sent_by_another(receiver: Receiver, settings: Settings) -> None:
    """Once its claim is over, by the database's clock."""
    settings.WEBHOOK_CLAIM_SECONDS = 0
    endpoint = make_endpoint(receiver.url)
    happen()
    assert len(claiming.claim(endpoint=endpoint, limit=4)) == 1
    settings.WEBHOOK_CLAIM_SECONDS = 60
    assert deliver() == 1


def test_a_worker_that_was_too_slow_changes_nothing(receiver: Receiver, settings: Settings) -> None:
    """Its try is logged; the state is what the other one made of it."""
    endpoint = make_endpoint(receiver.url)
    happen()

    def meanwhile(_: Received) -> Say:
        Delivery.objects.update(claimed_by="another")
        connection.close()
        return Say(500)

    receiver.answer = meanwhile
    assert deliver() == 1
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.claimed_by) == ("pending", 0, "another")
    assert Attempt.objects.count() == 1
    assert Endpoint.objects.get(pk=endpoint.pk).status == "enabled"


def test_what_could_not_be_recorded_is_recorded_when_the_database_is_back(receiver: Receiver) -> None:
    """It is not sent again for that."""
    make_endpoint(receiver.url)
    happen(3)

    def gone(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT") and "outbound_attempt" in sql:
            raise OperationalError(*CONNECTION_LOST)
        return execute(sql, params, many, context)

    with contextlib.closing(services.Courier()) as courier:
        with connection.execute_wrapper(gone), pytest.raises((OperationalError, Unavailable)):
            courier.deliver(stop=lambda: False)
        while courier.deliver(stop=lambda: False):
            """What was under way at that moment."""
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert len(receiver.received) == Attempt.objects.count() == 3


def test_no_thread_that_sends_asks_the_database(
    receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for business time, where a test clock moves it: its connection would be nobody's to close."""
    settings.TEST_CLOCK = True
    monkeypatch.setattr(clock_services, "HELD_SECONDS", -1)
    make_endpoint(receiver.url)
    happen(3)
    opened_in: list[str] = []

    def note(**_: Any) -> None:
        opened_in.append(threading.current_thread().name)

    connection_created.connect(note)
    try:
        assert deliver() == 3
    finally:
        connection_created.disconnect(note)
    assert not [name for name in opened_in if name.startswith("courier")]


def test_what_cannot_even_be_sent_is_a_failed_try(receiver: Receiver) -> None:
    """And not a worker that waits for an answer for ever; the others go out."""
    make_endpoint(receiver.url)
    happen(2)
    EndpointSecret.objects.update(secret="whsec_ä")
    assert deliver() == 2
    assert receiver.received == []
    assert set(Delivery.objects.values_list("status", "attempts")) == {("pending", 1)}
    assert "ValueError" in Delivery.objects.all()[0].error


@pytest.mark.parametrize("how", ["one", "many"])
def test_what_is_sent_again_while_it_is_sent_has_all_its_tries(receiver: Receiver, how: str) -> None:
    """Its last try, under way at that moment, fails: it does not end for that."""
    make_endpoint(receiver.url)
    happen()
    delivery = the_delivery()
    Delivery.objects.update(attempts=7)

    def meanwhile(_: Received) -> Say:
        receiver.answer = lambda _: Say(200)
        if how == "one":
            services.resend(actor=ACTOR, delivery_id=delivery.id)
        else:
            services.resend_many(actor=ACTOR, deliveries=Delivery.objects.all(), limit=10)
        connection.close()
        return Say(500)

    receiver.answer = meanwhile
    deliver()
    assert (the_delivery().status, the_delivery().attempts) == ("delivered", 1)
    assert [each.status_code for each in Attempt.objects.order_by("started_at")] == [500, 200]


def test_tasks_take_turns(receiver: Receiver) -> None:
    """A second one leaves at once, and does not hold a slot that payments wait for."""
    make_endpoint(receiver.url)
    happen()
    seconds: list[int] = []

    def beside(_: Received) -> Say:
        seconds.append(tasks.deliver())
        connection.close()
        return Say()

    receiver.answer = beside
    assert tasks.deliver() == 1
    assert seconds == [0]


def test_a_ping_says_so(receiver: Receiver) -> None:
    """It has its own id and no sequence."""
    endpoint = make_endpoint(receiver.url)
    ping = services.ping(actor=ACTOR, endpoint_id=endpoint.id)
    assert deliver() == 1
    [received] = receiver.received
    assert received.headers["webhook-id"] == ping.id
    assert received.document["type"] == "webhook_endpoint.ping"
    assert received.document["sequence"] == 0


def test_a_card_number_in_an_answer_is_masked(receiver: Receiver) -> None:
    """Receivers say all kinds of things; at most 4 KiB of them are kept."""
    make_endpoint(receiver.url)
    happen()
    receiver.answer = lambda _: Say(200, b"took 4242424242424242 " + b"x" * 10_000)
    deliver()
    answer = Attempt.objects.get().answer
    assert "4242424242424242" not in answer
    assert len(answer) <= 4096


def test_an_address_inside_is_refused_when_it_is_dialled(receiver: Receiver, settings: Settings) -> None:
    """However it got into the table; the delivery says why."""
    make_endpoint(receiver.url)
    happen()
    settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES = False
    deliver()
    assert receiver.received == []
    assert "127.0.0.1" in the_delivery().error
