"""How long we ask about what nobody has told us, and what staff may have asked at once. Days pass at once."""

import datetime
import itertools
from collections.abc import Iterator

import pytest

from config.api.principals import Principal
from config.kernel import clock
from config.kernel.errors import ForbiddenTransition
from config.test_clock.services import advance
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.services import submission
from payments.tests.factories import make_payment
from payments.tests.patience import wait_for
from payments.tests.simulator import connected_simulator, simulated_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("movable_clock", "invariants_hold")]
STAFF = Principal(kind="staff", id="7")
DAY = 86_400
ASKED_AFTER = [60, 300, 3600, DAY, DAY, DAY, DAY, DAY]


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """A simulator that the configured provider talks to, with a timeout of a second and a half."""
    with connected_simulator(timeout_seconds=1.5) as server:
        yield server


def sent(token: str) -> Payment:
    payment = make_payment(token=token)
    services.submit(payment_id=payment.id)
    return payment


def fresh(payment: Payment) -> Payment:
    return Payment.objects.select_related("invoice").get(id=payment.id)


def ask_now(payment: Payment) -> services.EventResult:
    return services.reconcile_now(actor=STAFF, payment_id=payment.id, reason="the customer called")


@pytest.mark.parametrize(("token", "timeout_seconds"), [("tok_timeout_always", 0.3), ("tok_pending", 5.0)])
def test_the_provider_is_asked_after_exactly_these_times_and_then_a_person(
    simulator: SimulatorServer, token: str, timeout_seconds: float
) -> None:
    """A minute, five, an hour, five days in a row; a day after the last it is in review, and never failed."""
    with simulated_with(base_url=simulator.url, timeout_seconds=timeout_seconds):
        payment = sent(token)
        status = fresh(payment).status
        looked = [clock.now()]
        while fresh(payment).status != "review":
            assert services.sweep() == 0
            wait_for(payment)
            looked.append(clock.now())
            assert services.sweep() == 1
            assert fresh(payment).status in (status, "review")
    waits = [round((later - earlier).total_seconds(), -1) for earlier, later in itertools.pairwise(looked)]
    assert waits == [*ASKED_AFTER, DAY]
    assert fresh(payment).reconciliations == len(ASKED_AFTER)
    assert fresh(payment).invoice.status == "processing"
    [event] = OutboxEvent.objects.filter(type="payment.review_required")
    assert event.reason == "the provider could not tell how it ended"


def test_an_answer_on_the_last_day_still_counts(simulator: SimulatorServer) -> None:
    """The provider was down for five days."""
    with simulated_with(base_url="http://127.0.0.1:9", timeout_seconds=0.2):
        payment = sent("tok_visa")
        for _ in ASKED_AFTER[:-1]:
            wait_for(payment)
            services.sweep()
    wait_for(payment)
    services.sweep()
    assert (fresh(payment).status, fresh(payment).invoice.status) == ("succeeded", "paid")
    assert simulator.core.charges_per_reference() == {payment.id: {"charges": 1, "succeeded": 1}}


def test_a_manual_payment_waits_for_ever() -> None:
    """A bank transfer takes as long as it takes, and is never in review for it."""
    payment = make_payment(provider="manual")
    services.submit(payment_id=payment.id)
    for _ in range(12):
        advance(by=datetime.timedelta(days=30))
        assert services.sweep() == 0
    assert fresh(payment).status == "processing"


def test_staff_has_the_provider_asked_at_once(simulator: SimulatorServer) -> None:
    """What it says is recorded with who asked and why."""
    payment = sent("tok_timeout_after")
    assert ask_now(payment) == services.EventResult.APPLIED
    event = OutboxEvent.objects.get(type="payment.succeeded")
    assert (event.actor, event.reason) == ("staff:7", "the customer called")


def test_staffs_question_sends_again_what_the_provider_does_not_know(simulator: SimulatorServer) -> None:
    """With the same key, as the schedule would have."""
    payment = sent("tok_timeout_before")
    ask_now(payment)
    assert fresh(payment).invoice.status == "paid"
    assert simulator.core.charges_per_reference() == {payment.id: {"charges": 1, "succeeded": 1}}


def test_staffs_questions_do_not_count(simulator: SimulatorServer) -> None:
    """Asking often neither brings a payment to review nor puts the schedule off."""
    payment = sent("tok_pending")
    due = fresh(payment).available_at
    for _ in range(12):
        assert ask_now(payment) == services.EventResult.STALE
    assert (fresh(payment).status, fresh(payment).reconciliations) == ("processing", 0)
    assert fresh(payment).available_at == due


def test_staffs_question_cancels_what_nobody_wants(simulator: SimulatorServer) -> None:
    """The request is still on the row."""
    payment = sent("tok_pending")
    services.cancel_payment(actor=STAFF, payment_id=payment.id)
    ask_now(payment)
    assert fresh(payment).status == "canceled"


def test_a_payment_that_is_being_sent_is_not_asked_about(simulator: SimulatorServer) -> None:
    """Its answer is on the way, and it must not be sent beside itself."""
    payment = make_payment()
    assert submission._claim(payment, wait=True) is not None
    assert ask_now(payment) == services.EventResult.STALE
    assert simulator.core.charges_per_reference() == {}
    wait_for(payment)
    ask_now(payment)
    assert fresh(payment).invoice.status == "paid"


def test_only_what_is_in_flight_at_a_provider_can_be_asked_about(simulator: SimulatorServer) -> None:
    """What was never sent, has ended or is settled by hand is refused in a sentence."""
    for payment, status in ((make_payment(), "created"), (sent("tok_visa"), "succeeded")):
        with pytest.raises(ForbiddenTransition, match=f"Cannot reconcile payment in {status} status"):
            ask_now(payment)
    manual = make_payment(provider="manual")
    services.submit(payment_id=manual.id)
    with pytest.raises(services.NobodyToAsk, match="settled by hand"):
        ask_now(manual)
