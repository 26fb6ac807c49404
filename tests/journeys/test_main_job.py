"""The main job over real HTTP: pay → provider → webhook → paid, with everything a provider does to one on the way.

Quittance answers on a live server, the provider simulator is another; the worker's part is played by `work`.
"""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from config.kernel import clock
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.simulator import connected_simulator
from tests.api import ApiConsumer
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent

pytestmark = pytest.mark.django_db(transaction=True)


class Shop:
    """A back end, a provider and a worker around one live Quittance."""

    def __init__(self, url: str, simulator: SimulatorServer) -> None:
        self.simulator = simulator
        self.http = httpx.Client(
            base_url=f"{url}/api/v1/",
            headers={"Authorization": f"Bearer {ApiConsumer().secret}"},
            timeout=30,
            trust_env=False,
        )

    def invoice(self, amount: int = 1250) -> str:
        response = self.http.post("invoices", json={"amount": amount, "currency": "EUR"})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def pay(self, invoice_id: str, token: str = "tok_visa", *, key: str = "k1") -> httpx.Response:
        body = {"payment_method": token}
        return self.http.post(f"invoices/{invoice_id}/pay", json=body, headers={"Idempotency-Key": key})

    def get(self, invoice_id: str) -> dict[str, Any]:
        document: dict[str, Any] = self.http.get(f"invoices/{invoice_id}").json()
        return document

    def work(self) -> None:
        """What a worker does: submit what is due at once, wait for the provider's webhooks, relay events."""
        Payment.objects.filter(available_at__isnull=False).update(available_at=clock.now())
        services.sweep()
        self.simulator.wait_for_webhooks()
        outbox.drain()

    def charges(self) -> dict[str, dict[str, int]]:
        return self.simulator.core.charges_per_reference()


@pytest.fixture
def shop(live_server: LiveServer) -> Iterator[Shop]:
    with connected_simulator() as simulator:
        simulator.webhook_url = f"{live_server.url}/webhooks/payment-provider"
        shop = Shop(live_server.url, simulator)
        yield shop
        shop.http.close()
        assert all(charge["charges"] == 1 for charge in shop.charges().values())
    check_invariants()


def test_an_invoice_is_paid_and_the_world_is_told(shop: Shop) -> None:
    """pay → webhook → paid; the replay is a 200, another body a 409, a further payment a 409."""
    invoice_id = shop.invoice()
    assert shop.pay(invoice_id).status_code == 201
    assert shop.get(invoice_id)["status"] == "processing"
    shop.work()
    invoice = shop.get(invoice_id)
    assert (invoice["status"], invoice["amount_due"]) == ("paid", 0)
    assert invoice["payments"][0]["status"] == "succeeded"
    replay = shop.pay(invoice_id)
    assert (replay.status_code, replay.json()["status"]) == (200, "succeeded")
    assert shop.pay(invoice_id, "tok_other").status_code == 409
    assert shop.pay(invoice_id, key="k2").json()["code"] == "invoice_not_payable"
    told = OutboxEvent.objects.filter(aggregate_id=invoice_id)
    assert list(told.filter(position=None)) == []
    assert told.filter(type="invoice.paid").count() == 1
    assert {event.status for event in ProviderEvent.objects.all()} <= {"processed", "ignored"}


@pytest.mark.parametrize(
    ("token", "status", "invoice_status", "code"),
    [
        ("tok_declined_insufficient_funds", "failed", "open", "insufficient_funds"),
        ("tok_declined_stolen", "failed", "failed", "stolen_card"),
    ],
)
def test_a_declined_payment_is_a_state_and_another_may_follow(
    shop: Shop, token: str, status: str, invoice_status: str, code: str
) -> None:
    """A decline replays as 200; another key pays the invoice by hand."""
    invoice_id = shop.invoice()
    shop.pay(invoice_id, token)
    shop.work()
    invoice = shop.get(invoice_id)
    assert (invoice["status"], invoice["payments"][0]["status"]) == (invoice_status, status)
    replay = shop.pay(invoice_id, token)
    assert (replay.status_code, replay.json()["failure_code"]) == (200, code)
    shop.pay(invoice_id, key="k2")
    shop.work()
    assert shop.get(invoice_id)["status"] == "paid"


@pytest.mark.parametrize(
    "token", ["tok_timeout_after", "tok_timeout_before", "tok_5xx", "tok_5xx_after", "tok_garbage_answer"]
)
@pytest.mark.parametrize("webhooks", [True, False])
def test_scar_killbill_1599_a_lost_answer_ends_paid_with_one_charge(shop: Shop, token: str, webhooks: bool) -> None:
    """Whether the webhook tells us or nobody does and we ask."""
    if not webhooks:
        shop.simulator.core.dials = shop.simulator.core.dials.changed({"drop": 1.0})
    invoice_id = shop.invoice()
    shop.pay(invoice_id, token)
    shop.work()
    shop.work()
    assert shop.get(invoice_id)["status"] == "paid"
    assert [charge["charges"] for charge in shop.charges().values()] == [1]
    assert Receipt.objects.filter(invoice_id=invoice_id).count() == 1


@pytest.mark.parametrize("dials", [{"duplicate": 1.0, "duplicate_copies": 3}, {"reorder": 1.0}])
def test_duplicated_and_reordered_webhooks_change_nothing(shop: Shop, dials: dict[str, float]) -> None:
    """Twenty invoices, every webhook repeated or out of order: each is paid once."""
    shop.simulator.core.dials = shop.simulator.core.dials.changed(dials)
    invoices = [shop.invoice() for _ in range(20)]
    for invoice_id in invoices:
        shop.pay(invoice_id, key=invoice_id)
    shop.work()
    assert {shop.get(invoice_id)["status"] for invoice_id in invoices} == {"paid"}
    assert OutboxEvent.objects.filter(type="invoice.paid").count() == 20


def test_an_asynchronous_charge_is_settled_by_its_webhook(shop: Shop) -> None:
    """Pending first; nobody asks in between."""
    invoice_id = shop.invoice()
    shop.pay(invoice_id, "tok_async")
    shop.work()
    assert shop.get(invoice_id)["status"] == "processing"
    time.sleep(shop.simulator.core.dials.settle_seconds)
    deadline = time.monotonic() + 5
    while shop.get(invoice_id)["status"] == "processing" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert shop.get(invoice_id)["status"] == "paid"


def test_a_pending_charge_stays_processing_until_the_provider_decides(shop: Shop) -> None:
    """And then the webhook decides, either way."""
    first, second = shop.invoice(), shop.invoice()
    shop.pay(first, "tok_pending")
    shop.pay(second, "tok_pending", key="k2")
    shop.work()
    assert shop.get(first)["status"] == "processing"
    charges = [shop.get(invoice_id)["payments"][0]["provider_reference"] for invoice_id in (first, second)]
    for charge, verdict in zip(charges, ("", "insufficient_funds"), strict=True):
        shop.simulator.core.settle_charge(charge, failure_code=verdict, now=time.time())
    shop.simulator.wait_for_webhooks()
    assert shop.get(first)["status"] == "paid"
    assert shop.get(second)["payments"][0]["status"] == "failed"


@pytest.mark.parametrize("token", ["tok_wrong_amount", "tok_wrong_currency"])
def test_other_money_than_asked_for_is_reviewed_never_paid(shop: Shop, token: str) -> None:
    """The money is booked; a person must look."""
    invoice_id = shop.invoice()
    shop.pay(invoice_id, token)
    shop.work()
    invoice = shop.get(invoice_id)
    assert (invoice["status"], invoice["payments"][0]["status"]) == ("processing", "review")
    assert Receipt.objects.get(invoice_id=invoice_id).status == "unapplied"


def test_scar_medusa_13301_the_webhook_may_arrive_before_our_call_returns(shop: Shop) -> None:
    """Confirm and webhook race; the answer recorded late finds everything done."""
    invoice_id = shop.invoice()
    shop.pay(invoice_id, "tok_timeout_after")
    Payment.objects.update(available_at=clock.now())
    services.sweep()
    shop.simulator.wait_for_webhooks()
    invoice = shop.get(invoice_id)
    assert invoice["status"] == "paid"
    assert [event["type"] for event in invoice["events"]].count("payment.succeeded") == 1
