"""The webhook comes before, while or after `payments.submit` records the provider's answer: the same end."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest
from django.db import connection

from invoices.models import Invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments import services as payments
from payments.models import Payment, Receipt
from payments.providers import registry
from payments.providers.base import ChargeRequest
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.factories import make_payment
from payments.tests.simulator import connected_simulator, simulated_with
from tests.concurrency.threads import all_at_once
from tests.inbound_orders.paid import LOG
from tests.invariants import check_invariants
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import send, status_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """A provider to submit to, whose webhooks wait until a test delivers them."""
    with connected_simulator(timeout_seconds=5) as server:
        yield server


def deliver(simulator: SimulatorServer, *, without_reference: bool = False) -> list[str]:
    """Send what the simulator has to tell, and say what became of each event."""
    answers = []
    while webhook := simulator.core.webhooks.take_due(now=time.time()):
        body = json.loads(webhook.body)
        if without_reference:
            body["data"]["reference"] = None
        response = send(json.dumps(body).encode())
        simulator.core.webhooks.record(webhook, status_code=response.status_code, now=time.time())
        answers.append(status_of(response))
    return answers


def assert_paid_once(payment: Payment, simulator: SimulatorServer) -> None:
    """One charge, one receipt, one set of events."""
    [charge] = simulator.core.charges(reference=payment.id)
    payment = Payment.objects.get(id=payment.id)
    assert (payment.status, payment.provider_reference) == ("succeeded", charge.id)
    assert Receipt.objects.get(payment=payment).provider_reference == charge.id
    assert Invoice.objects.get(id=payment.invoice_id).status == "paid"
    log = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id).values_list("type", flat=True)
    assert sorted(log) == LOG
    assert not ProviderEvent.objects.filter(status__in=["received", "parked", "dead"]).exists()
    check_invariants()


class Interrupted(httpx.HTTPTransport):
    """The network to the provider, with something that happens between its answer and our reading of it."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        body = response.read()
        if request.method == "POST":
            self._meanwhile()
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(body))


def test_the_webhook_after_the_answer(simulator: SimulatorServer) -> None:
    """The answer settles it; that it was pending and has succeeded is stale."""
    payment = make_payment()
    payments.submit(payment_id=payment.id)
    assert deliver(simulator) == ["ignored", "ignored"]
    assert_paid_once(payment, simulator)


def test_scar_medusa_13301_the_webhook_while_the_answer_is_under_way(simulator: SimulatorServer) -> None:
    """The webhook settles it, the answer is stale: both end in the same locked service."""
    payment = make_payment()
    answers: list[str] = []
    transport = Interrupted(lambda: answers.extend(deliver(simulator)))
    with simulated_with(transport=transport):
        payments.submit(payment_id=payment.id)
    assert answers == ["processed", "processed"]
    assert_paid_once(payment, simulator)


def test_the_webhook_before_anything_was_recorded(simulator: SimulatorServer) -> None:
    """The payment is unsent as far as we know: the webhook settles it, and nothing is sent any more."""
    payment = make_payment()
    request = ChargeRequest(payment.id, payment.amount, payment.currency, "tok_visa")
    registry.get("simulated").charge(request)
    assert deliver(simulator) == ["processed", "processed"]
    assert payments.submit(payment_id=payment.id) == payments.EventResult.STALE
    assert_paid_once(payment, simulator)


def test_scar_lago_1373_a_webhook_that_names_only_the_charge_waits_for_the_answer(simulator: SimulatorServer) -> None:
    """Parked while the answer is under way; recording the answer makes it due through the relay."""
    payment = make_payment(token="tok_pending")
    answers: list[str] = []

    def settle_and_deliver() -> None:
        [charge] = simulator.core.charges(reference=payment.id)
        simulator.core.settle_charge(charge.id, failure_code="", now=time.time())
        answers.extend(deliver(simulator, without_reference=True))

    with simulated_with(transport=Interrupted(settle_and_deliver)):
        payments.submit(payment_id=payment.id)
    assert set(answers) == {"parked"}
    assert Payment.objects.get().status == "processing"
    outbox.drain()
    inbound.sweep()
    assert_paid_once(payment, simulator)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection")
def test_the_webhook_and_the_answer_at_the_same_moment(simulator: SimulatorServer) -> None:
    """Whoever wins, one receipt and one set of events."""
    for _ in range(20):
        payment = make_payment()
        request = ChargeRequest(payment.id, payment.amount, payment.currency, "tok_visa")
        registry.get("simulated").charge(request)
        calls: list[Callable[[], object]] = [
            partial(payments.submit, payment_id=payment.id),
            partial(deliver, simulator),
        ]
        all_at_once(calls)
        assert_paid_once(payment, simulator)
