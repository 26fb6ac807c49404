"""Canceling payments before, while and after they are sent. Against a real provider simulator over HTTP."""

import datetime
from collections.abc import Iterator

import pytest

from config.api.principals import Principal, system
from config.kernel import clock, db
from config.kernel.errors import ForbiddenTransition
from config.test_clock.services import advance
from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments import services, tasks
from payments.models import Payment, Receipt
from payments.providers.base import Declined, Outcome, Pending
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.services import reconciliation, submission
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import captured, make_payment
from payments.tests.patience import wait_for
from payments.tests.simulator import connected_simulator, simulated_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("movable_clock", "invariants_hold")]
STAFF = Principal(kind="staff", id="7")


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """A simulator that the configured provider talks to, with a timeout of a second and a half."""
    with connected_simulator(timeout_seconds=1.5) as server:
        yield server


@db.transaction(idempotent=False)
def hear(payment: Payment, outcome: Outcome) -> None:
    """As a webhook would tell it."""
    invoice, locked = lock(payment.id)
    apply_outcome(invoice=invoice, payment=locked, outcome=outcome, actor=system("test"))


def cancel(payment: Payment, reason: str = "ordered twice") -> Payment:
    return services.cancel_payment(actor=STAFF, payment_id=payment.id, reason=reason)


def sent(token: str) -> Payment:
    """A payment that was sent, with whatever came of it."""
    payment = make_payment(token=token)
    services.submit(payment_id=payment.id)
    return payment


def state(payment: Payment) -> tuple[str, str]:
    fresh = Payment.objects.select_related("invoice").get(id=payment.id)
    return fresh.status, fresh.invoice.status


def log(payment: Payment) -> list[str]:
    """What happened to payments of its invoice, but for the request."""
    events = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id, type__startswith="payment.")
    return [name for name in events.order_by("sequence").values_list("type", flat=True) if "requested" not in name[:17]]


def due(payment: Payment) -> bool:
    available_at = Payment.objects.get(id=payment.id).available_at
    return available_at is not None and available_at <= clock.now()


def test_a_payment_nobody_has_sent_is_canceled_at_once(simulator: SimulatorServer) -> None:
    """No worker sends it any more, the invoice is open, and the log does not pretend that it was sent."""
    payment = make_payment()
    assert cancel(payment).status == "canceled"
    assert services.submit(payment_id=payment.id) == services.EventResult.STALE
    assert state(payment) == ("canceled", "open")
    assert log(payment) == ["payment.canceled"]
    assert simulator.core.charges_per_reference() == {}


def test_a_pending_payment_is_canceled_by_its_provider(simulator: SimulatorServer) -> None:
    """First the request is on the row, then the provider has decided; actor and reason are in the log once."""
    payment = sent("tok_pending")
    assert cancel(payment).status == "processing"
    services.sweep()
    assert state(payment) == ("canceled", "open")
    [event] = OutboxEvent.objects.filter(type="payment.cancel_requested")
    assert (event.actor, event.reason) == ("staff:7", "ordered twice")
    assert simulator.core.charges(reference=payment.id)[0].status == "canceled"


def test_the_task_cancels_without_waiting_for_a_sweep(simulator: SimulatorServer) -> None:
    """It is due at once."""
    payment = sent("tok_pending")
    cancel(payment)
    assert tasks.reconcile.apply(args=(payment.id,)).get() == "applied"
    assert state(payment) == ("canceled", "open")


def test_canceling_again_says_the_same_and_does_nothing_more(simulator: SimulatorServer) -> None:
    """While the provider decides and after it has."""
    payment = sent("tok_pending")
    first = cancel(payment).cancel_requested_at
    assert cancel(payment, "again").cancel_requested_at == first
    services.sweep()
    assert cancel(payment).status == "canceled"
    assert OutboxEvent.objects.filter(type="payment.cancel_requested").count() == 1
    assert log(payment).count("payment.canceled") == 1


def test_the_schedule_starts_again_with_the_request(simulator: SimulatorServer) -> None:
    """A payment that has been asked about for days is not in review before its canceling was tried."""
    payment = sent("tok_pending")
    for _ in range(7):
        wait_for(payment)
        services.sweep()
    cancel(payment)
    assert Payment.objects.get(id=payment.id).reconciliations == 0
    services.sweep()
    assert state(payment) == ("canceled", "open")


def test_a_charge_that_succeeded_in_spite_of_it_is_a_success(simulator: SimulatorServer) -> None:
    """The answer was lost, the money is there: asked to cancel, the provider tells how it ended."""
    payment = sent("tok_timeout_after")
    cancel(payment)
    services.sweep()
    assert state(payment) == ("succeeded", "paid")
    assert Receipt.objects.get(payment=payment).amount_applied == payment.amount


def test_what_the_provider_does_not_know_is_not_sent_again(simulator: SimulatorServer) -> None:
    """It stays unknown on the whole schedule, then a person looks."""
    payment = sent("tok_timeout_before")
    cancel(payment)
    for _ in range(8):
        services.sweep()
        assert state(payment) == ("unknown", "processing")
        wait_for(payment)
    services.sweep()
    assert state(payment) == ("review", "processing")
    assert simulator.core.charges_per_reference() == {}


def test_a_request_that_comes_while_we_ask_keeps_it_from_being_sent_again(simulator: SimulatorServer) -> None:
    """Claimed to ask about, then canceled, then not found."""
    payment = sent("tok_timeout_before")
    wait_for(payment)
    claim = reconciliation._claim(payment, wait=True)
    assert claim is not None
    assert claim.may_resend
    cancel(payment)
    assert "no longer wanted" in str(reconciliation._inquire(claim))
    assert simulator.core.charges_per_reference() == {}


def test_a_payment_that_is_just_being_sent_is_canceled_once_it_is_known(simulator: SimulatorServer) -> None:
    """Nobody could say what to cancel before; then it is due at once."""
    payment = make_payment(token="tok_pending")
    claimed = submission._claim(payment, wait=True)
    assert claimed is not None
    cancel(payment)
    assert not due(payment)
    submission.record(payment=claimed, outcome=submission.charge(claimed), actor=submission.ACTOR)
    assert due(payment)
    services.sweep()
    assert state(payment) == ("canceled", "open")


def test_a_payment_whose_worker_died_while_it_was_canceled_is_never_sent(simulator: SimulatorServer) -> None:
    """After the lease it is unknown, and asked about without sending it."""
    payment = make_payment()
    assert submission._claim(payment, wait=True) is not None
    cancel(payment)
    wait_for(payment)
    services.sweep()
    assert state(payment) == ("unknown", "processing")
    assert simulator.core.charges_per_reference() == {}


def test_a_provider_that_is_down_cancels_when_it_is_back(simulator: SimulatorServer) -> None:
    """The request stays on the row."""
    payment = sent("tok_pending")
    cancel(payment)
    with simulated_with(base_url="http://127.0.0.1:9", timeout_seconds=0.2):
        services.sweep()
        assert state(payment) == ("unknown", "processing")
        assert not due(payment)
    wait_for(payment)
    services.sweep()
    assert state(payment) == ("canceled", "open")


def test_a_provider_that_goes_on_working_on_it_is_asked_on_the_schedule(simulator: SimulatorServer) -> None:
    """That it is pending is no news the second time: nobody asks without end."""
    payment = sent("tok_timeout_after")
    cancel(payment)
    for _ in range(3):
        hear(payment, Pending(reference="ch_1"))
    assert due(payment)
    with simulated_with(base_url="http://127.0.0.1:9", timeout_seconds=0.2):
        services.sweep()
    hear(payment, Pending(reference="ch_1"))
    assert not due(payment)


def test_a_manual_payment_is_canceled_at_once() -> None:
    """There is nobody else to decide."""
    payment = make_payment(provider="manual")
    services.submit(payment_id=payment.id)
    assert cancel(payment).status == "canceled"
    assert state(payment) == ("canceled", "open")


def test_money_that_was_held_back_for_the_canceled_payment_pays() -> None:
    """It had come late for the first attempt, while the second might still bring some."""
    first = make_payment()
    hear(first, Declined(code="stolen_card", retryable=False))
    second = make_payment(invoice=first.invoice, provider="manual")
    services.submit(payment_id=second.id)
    hear(first, captured(first))
    assert state(second) == ("processing", "processing")
    cancel(second)
    assert state(second) == ("canceled", "paid")


@pytest.mark.parametrize("retryable", [True, False])
def test_a_decline_of_what_nobody_wants_is_not_tried_again(simulator: SimulatorServer, retryable: bool) -> None:
    """Whoever wants it paid after all pays by hand."""
    payment = sent("tok_pending")
    cancel(payment)
    hear(payment, Declined(code="any", retryable=retryable))
    assert state(payment) == ("failed", "open" if retryable else "failed")
    assert Invoice.objects.get(id=payment.invoice_id).next_attempt_at is None
    advance(by=datetime.timedelta(days=1))
    assert services.retry_due() == 0


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("tok_visa", "succeeded"),
        ("tok_declined_insufficient_funds", "failed"),
        ("tok_wrong_amount", "review"),
    ],
)
def test_what_has_ended_or_waits_for_a_person_cannot_be_canceled(
    simulator: SimulatorServer, token: str, status: str
) -> None:
    """A sentence says so."""
    payment = sent(token)
    with pytest.raises(ForbiddenTransition, match=f"Cannot cancel payment in {status} status"):
        cancel(payment)


def test_a_payment_nobody_has_made_cannot_be_canceled() -> None:
    """Not found."""
    with pytest.raises(services.PaymentNotFound):
        services.cancel_payment(actor=STAFF, payment_id="pay_01h455vb4pex5vsknk084sn02q")
