"""A customer's year over real HTTP: register, try, use, upgrade, pay, renew, be declined, recover, leave, have it back.

The customer signs in by themselves; the merchant's back end makes the plans and refunds; `work` is the worker's part.
"""

import datetime
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from pytest_django.live_server_helper import LiveServer

from billing import services as billing
from config.kernel import clock
from config.test_clock.services import advance
from outbox import services as outbox
from payments import services as payments
from payments.models import Payment
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.services.refunds import reconciliation
from payments.tests.simulator import connected_simulator
from tests.api import ApiConsumer
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)


class World:
    """A customer and a merchant at one live Quittance, a provider, and a worker."""

    def __init__(self, url: str, simulator: SimulatorServer) -> None:
        self._simulator = simulator
        self._url = f"{url}/api/v1/"
        self.merchant = self._client(ApiConsumer().secret)
        self.customer = self._client("")

    def _client(self, credential: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        return httpx.Client(base_url=self._url, headers=headers, timeout=30, trust_env=False)

    def register(self, email: str) -> dict[str, Any]:
        body = {"email": email, "password": "quite a long one", "first_name": "Ada", "last_name": "Lovelace"}
        registered: dict[str, Any] = told(self.customer.post("auth/register", json=body), 201)
        self.customer.close()
        self.customer = self._client(registered["access"])
        return registered

    def plan(self, name: str, amount: int, **terms: Any) -> str:
        body = {"name": name, "amount": amount, "currency": "EUR", "cycle": "month", **terms}
        return str(told(self.merchant.post("plans", json=body), 201)["id"])

    def pay(self, subscription: str, token: str, key: str) -> httpx.Response:
        body = {"subscription": subscription, "payment_method": token}
        return self.customer.post("payments", json=body, headers={"Idempotency-Key": key})

    def use(self, key: str) -> httpx.Response:
        """One more call of the API that the plan is for."""
        body = {"feature_name": "api_calls", "delta": 1}
        return self.customer.post("usage/use", json=body, headers={"Idempotency-Key": key})

    def subscription(self, id: str) -> dict[str, Any]:
        subscription: dict[str, Any] = told(self.customer.get(f"subscriptions/{id}"), 200)
        return subscription

    def work(self) -> None:
        """Renew what is due, send what is to be sent, wait for the provider's webhooks, relay what follows."""
        billing.renew_due()
        payments.retry_due()
        Payment.objects.filter(available_at__isnull=False).update(available_at=clock.now())
        payments.sweep()
        reconciliation.sweep_refunds()
        self._simulator.wait_for_webhooks()
        outbox.drain()

    def go_to(self, moment: str) -> None:
        advance(by=datetime.datetime.fromisoformat(moment) - clock.now() + datetime.timedelta(seconds=6))
        self.work()

    def close(self) -> None:
        self.merchant.close()
        self.customer.close()


def told(response: httpx.Response, status: int) -> Any:
    """What it says, if it says it with this status."""
    assert response.status_code == status, response.text
    return response.json()


@pytest.fixture
def world(live_server: LiveServer, settings: LazySettings) -> Iterator[World]:
    settings.TEST_CLOCK = True
    with connected_simulator(timeout_seconds=5) as simulator:
        simulator.webhook_url = f"{live_server.url}/webhooks/payment-provider"
        world = World(live_server.url, simulator)
        yield world
        world.close()
    check_invariants()


def test_from_registration_to_the_last_refund(world: World) -> None:
    """Each step over HTTP, as the customer or as the merchant; the log tells all of it in order."""
    basic = world.plan("Basic", 1000, trial_days=14, features={"api_calls": {"limit": 3}})
    pro = world.plan("Pro", 3000, features={"api_calls": {"limit": 100}})
    world.register("ada@example.com")

    trial = told(world.customer.post("subscriptions/trial", json={"plan": basic}), 201)
    assert (trial["status"], trial["period"]) == ("trialing", 0)
    id = trial["id"]
    assert told(world.customer.post("subscriptions/trial", json={"plan": basic}), 409)["code"] == "already_subscribed"

    for used in (1, 2, 3):
        told(world.use(f"call-{used}"), 201)
    assert told(world.use("call-3"), 200)["current_usage"] == 3
    assert told(world.use("call-4"), 409)["code"] == "usage_limit_exceeded"
    assert told(world.customer.get("usage/me"), 200)["data"][0]["remaining"] == 0

    upgraded = told(world.customer.patch(f"subscriptions/{id}", json={"plan": pro}), 200)
    assert (upgraded["status"], upgraded["plan"], upgraded["invoices"]) == ("trialing", pro, [])

    paid = told(world.pay(id, "tok_visa", "pay-1"), 201)
    assert paid["amount"] == 3000
    replayed = world.pay(id, "tok_visa", "pay-1")
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (200, "true")
    world.work()
    told(world.use("call-4"), 201)
    active = world.subscription(id)
    assert (active["status"], active["period"]) == ("active", 1)
    assert told(world.pay(id, "tok_visa", "pay-2"), 409)["code"] == "nothing_due"

    world.go_to(active["period_ends_at"])
    renewed = world.subscription(id)
    assert (renewed["status"], renewed["period"]) == ("active", 2)
    assert [invoice["status"] for invoice in renewed["invoices"]] == ["paid", "paid"]

    told(world.customer.patch(f"subscriptions/{id}", json={"payment_method": "tok_insufficient_funds"}), 200)
    world.go_to(renewed["period_ends_at"])
    assert world.subscription(id)["status"] == "past_due"
    recovery = told(world.pay(id, "tok_mastercard", "pay-3"), 201)
    world.work()
    recovered = world.subscription(id)
    assert (recovered["status"], recovered["payment_method"]) == ("active", "tok_mastercard")

    told(world.customer.post(f"subscriptions/{id}/cancel", json={"reason": "moving on"}), 200)
    assert told(world.merchant.get(f"subscriptions/{id}"), 200)["cancel_reason"] == "moving on"
    assert told(world.customer.delete(f"subscriptions/{id}"), 409)["code"] == "forbidden_transition"
    refused = world.customer.post(f"payments/{recovery['id']}/refund", json={}, headers={"Idempotency-Key": "r-0"})
    assert refused.status_code == 403
    asked = world.merchant.post(f"payments/{recovery['id']}/refund", json={}, headers={"Idempotency-Key": "r-1"})
    refund = told(asked, 201)["id"]
    world.go_to(clock.now().isoformat())
    assert told(world.merchant.get(f"refunds/{refund}"), 200)["status"] == "succeeded"

    told_of = [event["type"].removeprefix("subscription.") for event in reversed(world.subscription(id)["events"])]
    assert told_of == [
        "created",
        "plan_changed",
        "converted",
        "payment_method_changed",
        "activated",
        "renewed",
        "payment_method_changed",
        "renewed",
        "past_due",
        "payment_method_changed",
        "activated",
        "canceled",
    ]
    mine = told(world.customer.get("subscriptions/me"), 200)["data"]
    assert [each["id"] for each in mine] == [id]
