"""Sending payments, and finding out how they ended when nobody says. Against a real provider simulator over HTTP."""

import datetime
from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from config.api.principals import system
from config.kernel import clock, correlation, db
from config.kernel.errors import Unavailable
from invoices.tests.factories import make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt
from payments.providers.base import Canceled, Outcome
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.services import reconciliation, submission
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import captured, make_payment
from payments.tests.simulator import connected_simulator, simulated_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """A simulator that the configured provider talks to, with a timeout of half a second."""
    with connected_simulator() as server:
        yield server


def state(payment: Payment) -> tuple[str, str]:
    fresh = Payment.objects.select_related("invoice").get(id=payment.id)
    return fresh.status, fresh.invoice.status


def make_due(payment: Payment) -> None:
    """As if the time until the next look had passed."""
    Payment.objects.filter(id=payment.id).update(available_at=clock.now())


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("tok_visa", ("succeeded", "paid")),
        ("tok_declined_insufficient_funds", ("failed", "open")),
        ("tok_declined_stolen", ("failed", "failed")),
        ("tok_pending", ("processing", "processing")),
        ("tok_timeout_before", ("unknown", "processing")),
        ("tok_timeout_after", ("unknown", "processing")),
        ("tok_wrong_amount", ("review", "processing")),
    ],
)
def test_submitting_brings_what_the_provider_answers(
    simulator: SimulatorServer, token: str, expected: tuple[str, str]
) -> None:
    """Every kind of answer, the lost one included, ends in its state."""
    payment = make_payment(token=token)
    assert services.submit(payment_id=payment.id) == services.EventResult.APPLIED
    assert state(payment) == expected


def test_submitting_twice_charges_once(simulator: SimulatorServer) -> None:
    """The second worker finds the payment taken."""
    payment = make_payment()
    services.submit(payment_id=payment.id)
    assert services.submit(payment_id=payment.id) == services.EventResult.STALE
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize("token", ["tok_timeout_before", "tok_timeout_after"])
def test_a_lost_answer_is_found_out_and_pays_once(simulator: SimulatorServer, token: str) -> None:
    """Charged or not: the same key settles it, and the provider has one charge."""
    payment = make_payment(token=token)
    services.submit(payment_id=payment.id)
    make_due(payment)
    assert services.sweep() == 1
    assert state(payment) == ("succeeded", "paid")
    assert len(Receipt.objects.filter(payment=payment)) == 1


def test_the_sweep_submits_what_no_worker_took() -> None:
    """Only once the worker's grace has passed."""
    payment = make_payment(provider="manual")
    assert services.sweep() == 0
    make_due(payment)
    assert services.sweep() == 1
    assert state(payment) == ("processing", "processing")


def test_a_payment_whose_worker_died_is_resumed(simulator: SimulatorServer) -> None:
    """Claimed, never answered: after the lease it is unknown, then asked about and sent again with its key."""
    payment = make_payment()
    _claim_only(payment)
    assert services.sweep() == 0
    make_due(payment)
    services.sweep()
    assert state(payment) == ("succeeded", "paid")
    assert OutboxEvent.objects.filter(type="payment.unknown", aggregate_id=payment.invoice_id).count() == 1


def test_what_the_provider_forgot_is_never_sent_again(simulator: SimulatorServer) -> None:
    """Outside the idempotency window the same key could charge again: look up only, and stay unknown."""
    payment = make_payment(token="tok_timeout_before")
    services.submit(payment_id=payment.id)
    long_ago = clock.now() - datetime.timedelta(hours=23, minutes=1)
    Payment.objects.filter(id=payment.id).update(submitted_at=long_ago)
    make_due(payment)
    services.sweep()
    assert state(payment) == ("unknown", "processing")
    assert Receipt.objects.count() == 0


def test_when_nobody_can_tell_the_payment_goes_to_review(settings: LazySettings) -> None:
    """The provider is down for the whole schedule: a person must look, nothing is guessed."""
    settings.RECONCILE_SCHEDULE_SECONDS = [1, 1, 1]
    with simulated_with(base_url="http://127.0.0.1:9", timeout_seconds=0.2):
        payment = make_payment()
        services.submit(payment_id=payment.id)
        for _ in settings.RECONCILE_SCHEDULE_SECONDS:
            make_due(payment)
            services.sweep()
            assert state(payment) == ("unknown", "processing")
        make_due(payment)
        services.sweep()
    assert state(payment) == ("review", "processing")


def test_a_payment_of_a_provider_that_is_gone_does_not_stop_the_sweep(simulator: SimulatorServer) -> None:
    """It is put off, the next one is taken up."""
    broken, sound = make_payment(), make_payment()
    Payment.objects.filter(id=broken.id).update(provider="gone")
    make_due(broken)
    make_due(sound)
    services.sweep()
    assert state(sound) == ("succeeded", "paid")
    put_off = Payment.objects.get(id=broken.id).available_at
    assert put_off is not None
    assert put_off > clock.now()
    Payment.objects.filter(id=broken.id).update(provider="simulated")


def test_a_manual_payment_is_never_asked_about() -> None:
    """There is nobody to ask: it waits for a person, for ever."""
    payment = make_payment(provider="manual", invoice=make_invoice())
    services.submit(payment_id=payment.id)
    assert Payment.objects.get(id=payment.id).available_at is None


@db.transaction(idempotent=False)
def hear(payment: Payment, outcome: Outcome) -> None:
    """As a webhook would tell it."""
    invoice, locked = lock(payment.id)
    apply_outcome(invoice=invoice, payment=locked, outcome=outcome, actor=system("test"))


def _claim_only(payment: Payment) -> None:
    assert submission._claim(payment, wait=True) is not None


def test_what_a_worker_does_carries_the_correlation_id_of_the_request() -> None:
    """Through the row, so that it survives a lost message and a dead worker."""
    with correlation.bind("checkout-7"):
        payment = make_payment(provider="manual")
    services.submit(payment_id=payment.id)
    log = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id, type="payment.processing")
    assert log.get().correlation_id == "checkout-7"


def test_another_account_than_the_payments_is_never_asked_nor_charged(simulator: SimulatorServer) -> None:
    """The account behind the provider was switched: the same key would charge there a second time."""
    asked, unsent = make_payment(token="tok_timeout_after"), make_payment()
    services.submit(payment_id=asked.id)
    with simulated_with(account="acct_new", base_url=simulator.url):
        make_due(asked)
        services.sweep()
        services.submit(payment_id=unsent.id)
    assert state(asked) == state(unsent) == ("unknown", "processing")
    assert simulator.core.charges_per_reference() == {asked.id: {"charges": 1, "succeeded": 1}}


def test_an_attempt_is_not_sent_again_once_other_money_has_arrived(simulator: SimulatorServer) -> None:
    """Its worker died before the call; meanwhile the first attempt's money came late and waits to pay."""
    first = make_payment(token="tok_declined_insufficient_funds")
    services.submit(payment_id=first.id)
    second = make_payment(invoice=first.invoice)
    _claim_only(second)
    hear(first, captured(first))
    make_due(second)
    services.sweep()
    assert state(second) == ("unknown", "processing")
    assert second.id not in simulator.core.charges_per_reference()
    hear(second, Canceled())
    assert state(second) == ("canceled", "paid")


@pytest.mark.parametrize(("sent", "expected"), [(False, "created"), (True, "review")])
def test_what_can_never_be_taken_up_ends_with_a_person_if_it_may_have_been_sent(
    simulator: SimulatorServer, settings: LazySettings, sent: bool, expected: str
) -> None:
    """What was never sent waits for its provider to come back, for as long as it takes."""
    settings.RECONCILE_SCHEDULE_SECONDS = [1, 1]
    payment = make_payment(token="tok_timeout_after")
    if sent:
        services.submit(payment_id=payment.id)
    Payment.objects.filter(id=payment.id).update(provider="gone")
    for _ in range(4):
        make_due(payment)
        services.sweep()
    assert state(payment) == (expected, "processing")


def test_tries_before_the_sending_do_not_count_as_questions(simulator: SimulatorServer) -> None:
    """However long its provider was gone, it is soon sent again, and a lost answer is soon asked about."""
    payment = make_payment(token="tok_timeout_after")
    Payment.objects.filter(id=payment.id).update(provider="gone")
    for _ in range(9):
        make_due(payment)
        services.sweep()
        waits_until = Payment.objects.get(id=payment.id).available_at
        assert waits_until is not None
        assert waits_until < clock.now() + datetime.timedelta(seconds=90)
    Payment.objects.filter(id=payment.id).update(provider="simulated")
    services.submit(payment_id=payment.id)
    due = Payment.objects.get(id=payment.id).available_at
    assert due is not None
    assert due < clock.now() + datetime.timedelta(seconds=90)


def test_a_failure_after_the_claim_leaves_the_schedule_alone(
    simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try stays where the claim has put it."""
    payment = make_payment(token="tok_timeout_after")
    services.submit(payment_id=payment.id)
    make_due(payment)

    def unavailable(**_: object) -> None:
        raise Unavailable()

    monkeypatch.setattr(reconciliation, "record", unavailable)
    services.sweep()
    later = Payment.objects.get(id=payment.id)
    assert later.reconciliations == 1
    assert later.available_at is not None
    assert later.available_at > clock.now() + datetime.timedelta(seconds=200)
