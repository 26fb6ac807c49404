"""What a whole request sends to the database, authentication, BEGIN, COMMIT and savepoints included.

Each is a round trip. One more is a regression: raise a number only with a reason in the commit.
"""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from billing.tests.factories import make_active
from billing.tests.usage import metered, use
from config.tests.test_mariadb import sent
from outbox.models import OutboxEvent
from payments import services as payments
from payments.models import Payment
from payments.tests.factories import make_payment
from payments.tests.simulator import connected_simulator
from tests.api import ApiConsumer
from webhooks.inbound.tests.sending import event_about, send

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="counted by MariaDB"),
]


@pytest.fixture
def api() -> ApiConsumer:
    """Its key has been used this minute: the first use of a minute is written down."""
    consumer = ApiConsumer()
    consumer.get("invoices/nonsense")
    return consumer


def cost(request: Callable[[], Any], status: int) -> int:
    """Round trips of a request on a connection that is already open."""
    assert connection.connection is not None
    with sent() as counted:
        response = request()
    assert response.status_code == status, response.content
    return counted.statements


def test_creating_an_invoice_takes_eleven_round_trips(api: ApiConsumer) -> None:
    """Key; replay?; BEGIN, invoice, lines, journal, entries, event, COMMIT; lines and events for the answer."""
    body = {"amount": 1250, "currency": "EUR"}
    assert cost(lambda: api.post("invoices", body, key=uuid.uuid4().hex), 201) == 11


def test_paying_takes_eight_round_trips(api: ApiConsumer) -> None:
    """Key; replay?; BEGIN, lock, payment, invoice, events, COMMIT."""
    invoice = api.create_invoice()
    assert cost(lambda: api.pay(invoice["id"]), 201) == 8


def test_a_replay_takes_two_round_trips(api: ApiConsumer) -> None:
    """Key; replay."""
    invoice, key = api.create_invoice(), uuid.uuid4().hex
    api.pay(invoice["id"], key=key)
    assert cost(lambda: api.pay(invoice["id"], key=key), 200) == 2


@pytest.mark.parametrize(("key", "expected"), [(None, 7), ("k1", 8)])
def test_using_what_a_plan_holds_takes_seven_round_trips_and_one_more_with_a_key(
    api: ApiConsumer, key: str | None, expected: int
) -> None:
    """Key; replay?; BEGIN, subscriptions with their plans, counter raised, counter read, record, COMMIT."""
    subscription = make_active(metered())
    use(subscription)
    body = {"feature_name": "api_calls", "delta": 1, "customer": subscription.customer_id}
    assert cost(lambda: api.post("usage/use", body, key=key), 201) == expected
    assert key is None or cost(lambda: api.post("usage/use", body, key=key), 200) == 3


def test_a_use_over_the_limit_takes_six_round_trips(api: ApiConsumer) -> None:
    """Key; BEGIN, subscriptions, counter not raised, counter read, ROLLBACK."""
    subscription = make_active(metered(1))
    use(subscription)
    body = {"feature_name": "api_calls", "delta": 1, "customer": subscription.customer_id}
    assert cost(lambda: api.post("usage/use", body), 409) == 6


def test_the_first_use_of_a_period_takes_twelve_round_trips(api: ApiConsumer) -> None:
    """Also: is there a counter; the customer's lock, the subscription's, is there one now, its insert, raised again."""
    subscription = make_active(metered())
    body = {"feature_name": "api_calls", "delta": 1, "customer": subscription.customer_id}
    assert cost(lambda: api.post("usage/use", body), 201) == 12


def test_getting_an_invoice_takes_five_round_trips_whatever_its_history(api: ApiConsumer) -> None:
    """Key; invoice, lines, payments, events: with one payment, and with twenty-one and a hundred events."""
    invoice = api.create_invoice()
    for attempts in (1, 20):
        for _ in range(attempts):
            payment = api.post(f"invoices/{invoice['id']}/pay", {"provider": "manual"}, key=uuid.uuid4().hex).json()
            api.post(f"payments/{payment['id']}/fail")
        assert cost(lambda: api.get(f"invoices/{invoice['id']}"), 200) == 5
    assert OutboxEvent.objects.count() >= 100


def new_subscription(api: ApiConsumer) -> dict[str, Any]:
    """What a customer sends for a plan that is there."""
    plan = api.post("plans", {"name": "Basic", "amount": 1000, "currency": "EUR", "cycle": "month"}).json()
    customer = api.post("customers", {"name": "Ada"}).json()
    return {"plan": plan["id"], "customer": customer["id"]}


def test_subscribing_takes_twenty_round_trips(api: ApiConsumer) -> None:
    """Key; replay?; BEGIN, customer, replay?, plan, subscribed already?, subscription; credit, invoice, whose it is,
    payment, invoice; events, lines, journal, entries, COMMIT; invoice and events for the answer.
    """
    body = {**new_subscription(api), "payment_method": "tok_visa"}
    assert cost(lambda: api.post("subscriptions", body, key=uuid.uuid4().hex), 201) == 20


def test_paying_a_subscription_takes_fifteen_round_trips(api: ApiConsumer) -> None:
    """Key; replay?; BEGIN, find, both locks, replay?, what it owes, its lock, replay?, payment, invoice; the plan and
    the subscription, which remembers the method; events, COMMIT.
    """
    subscription = api.post("subscriptions", new_subscription(api)).json()
    body = {"subscription": subscription["id"], "payment_method": "tok_visa"}
    assert cost(lambda: api.post("payments", body, key=uuid.uuid4().hex), 201) == 15


def test_applying_a_webhook_takes_fourteen_round_trips(api: ApiConsumer) -> None:
    """BEGIN, inbox, SAVEPOINT, find, both locks, booked?, payment, invoice, four inserts, inbox, COMMIT."""
    with connected_simulator() as simulator:
        simulator.core.dials = simulator.core.dials.changed({"drop": 1.0})
        payment = make_payment(token="tok_pending")
        payments.submit(payment_id=payment.id)
    payment = Payment.objects.get(id=payment.id)
    body = event_about(payment, charge=payment.provider_reference)
    assert cost(lambda: send(body), 200) == 14
