"""Two web processes, forked worker children and a relay count; what is scraped is what the database holds."""

import collections
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection

from config.celery import app
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.simulator import connected_simulator
from tests.api import ApiConsumer
from tests.embedded.runs import until
from tests.observability.processes import Deployment, Numbers, deployment
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import event_about, signed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="several processes on one database"),
]

PAYMENTS = 12
TOKENS = ["tok_visa", "tok_declined_insufficient_funds", "tok_declined_stolen"]


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with connected_simulator(timeout_seconds=10) as simulator:
        yield simulator


@pytest.fixture
def shop(tmp_path: Path, simulator: SimulatorServer) -> Iterator[Deployment]:
    assert connection.vendor == "mysql"
    app.control.purge()
    with deployment(tmp_path, SIMULATOR_URL=simulator.url) as shop:
        simulator.webhook_url = f"{shop.url}/webhooks/payment-provider"
        yield shop
    app.control.purge()


def send(shop: Deployment, secret: str, path: str, body: dict[str, Any], key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
    return shop.http.post(f"/api/v1/{path}", json=body, headers=headers)


def tell(shop: Deployment, body: bytes) -> None:
    """A signed webhook."""
    shop.http.post("/webhooks/payment-provider", content=body, headers=signed(body)).raise_for_status()


def pay_all(shop: Deployment) -> None:
    """Every payment asked for twice, with one key, four at a time."""
    secret = ApiConsumer().secret

    def pay(number: int) -> None:
        invoice = send(shop, secret, "invoices", {"amount": 1250, "currency": "EUR"}, uuid.uuid4().hex).json()
        key = uuid.uuid4().hex
        body = {"payment_method": TOKENS[number % len(TOKENS)]}
        statuses = [send(shop, secret, f"invoices/{invoice['id']}/pay", body, key).status_code for _ in range(2)]
        assert statuses == [201, 200]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(pay, range(PAYMENTS)))


def truth() -> dict[tuple[str, ...], float]:
    """Payment events by event, failure code and provider, as recorded."""
    found: collections.Counter[tuple[str, ...]] = collections.Counter()
    for type, data in OutboxEvent.objects.filter(type__startswith="payment.").values_list("type", "data"):
        found[type.removeprefix("payment."), data["failure_code"], data["provider"]] += 1
    return {labels: float(count) for labels, count in found.items()}


def total(numbers: Numbers, name: str) -> float:
    return sum(numbers.get(name, {}).values())


def assert_exact(shop: Deployment) -> None:
    """Several scrapes, whoever answers: each equals the database."""
    expected = truth()
    for _ in range(6):
        numbers = shop.scrape()
        assert numbers["quittance_payment_events_total"] == expected
        assert total(numbers, "quittance_idempotent_replays_total") == PAYMENTS


def test_web_processes_count_together_and_a_killed_one_loses_nothing(shop: Deployment) -> None:
    """Also once its successor has moved its numbers to the archive, and counted on."""
    pay_all(shop)
    assert until(lambda: shop.scrape() and len(shop.processes()) == 2, seconds=20)
    assert total(shop.scrape(), "quittance_payment_events_total") == PAYMENTS
    assert_exact(shop)
    victim = min(shop.processes())
    shop.kill(victim)
    assert_exact(shop)
    for payment in Payment.objects.all():
        tell(shop, event_about(payment, type="charge.pending"))
    assert until(lambda: shop.scrape() and len(shop.processes()) == 2, seconds=20)
    assert not list(shop.folder.glob(f"*-{victim}.db"))
    assert_exact(shop)
    assert total(shop.scrape(), "quittance_webhooks_total") == ProviderEvent.objects.count() == PAYMENTS


def test_workers_and_relays_are_scraped_through_the_web(shop: Deployment, simulator: SimulatorServer) -> None:
    """Children of a prefork worker count what they do, and gauges come from the database."""
    worker = ["--pool", "prefork", "--concurrency", "2", "--without-mingle", "--without-gossip"]
    with (
        shop.running("-m", "celery", "--app", "config", "worker", *worker),
        shop.running("manage.py", "relay_outbox"),
    ):
        pay_all(shop)
        assert until(lambda: not Payment.objects.filter(live_invoice__isnull=False).exists(), seconds=60)
        simulator.wait_for_webhooks()
        assert until(lambda: total(shop.scrape(), "quittance_outbox_lag") == 0, seconds=20)
        assert until(lambda: submitted(shop) == PAYMENTS, seconds=20)
    assert_exact(shop)
    numbers = shop.scrape()
    calls = numbers["quittance_provider_call_seconds_count"]
    assert calls["charge", "succeeded", "simulated"] == calls["charge", "declined", "simulated"] / 2 == PAYMENTS / 3
    webhooks = collections.Counter(ProviderEvent.objects.values_list("status", flat=True))
    assert {key[1]: count for key, count in numbers["quittance_webhooks_total"].items()} == dict(webhooks)
    assert len(list(shop.folder.glob("*.alive"))) > 3


def submitted(shop: Deployment) -> float:
    return sum(
        count
        for labels, count in shop.scrape().get("quittance_task_seconds_count", {}).items()
        if labels == ("SUCCESS", "payments.submit")
    )


def test_a_transaction_that_rolls_back_counts_nothing(shop: Deployment) -> None:
    """A second live payment is refused with a 409 after its transaction began; only the first counts."""
    secret = ApiConsumer().secret
    invoice = send(shop, secret, "invoices", {"amount": 1250, "currency": "EUR"}, "k0").json()
    path = f"invoices/{invoice['id']}/pay"
    body = {"payment_method": "tok_visa"}
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda number: send(shop, secret, path, body, f"k{number}"), range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert shop.scrape()["quittance_payment_events_total"] == truth() == {("requested", "", "simulated"): 1}


def test_live_payments_and_waiting_events_are_gauges(shop: Deployment) -> None:
    """Read from the database at each scrape."""
    pay_all(shop)
    tell(shop, json.dumps({"id": "evt_1", "type": "charge.succeeded"}).encode())
    numbers = shop.scrape()
    assert numbers["quittance_payments_live"] == {
        ("created",): PAYMENTS,
        ("processing",): 0,
        ("unknown",): 0,
        ("review",): 0,
    }
    assert numbers["quittance_provider_events_waiting"] == {("received",): 0, ("parked",): 0, ("dead",): 1}
    assert numbers["quittance_outbox_lag"]["sequencer",] == OutboxEvent.objects.filter(position=None).count()
