"""Declined payments are tried again by themselves, as the invoice's policy says. Days pass under the test clock."""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from config.api.principals import system
from config.kernel import clock, correlation, db
from config.kernel.errors import ForbiddenTransition
from config.test_clock.services import advance
from invoices.models import Invoice
from invoices.services import RetryPolicy, void_invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments import services, tasks
from payments.models import Payment
from payments.providers.base import Outcome
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import SOFT, captured, make_payment
from payments.tests.patience import wait_for, wait_for_next_attempt
from payments.tests.simulator import connected_simulator, simulated_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("movable_clock", "invariants_hold")]


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


def declined(**more: Any) -> Payment:
    """A payment that its provider has declined."""
    payment = make_payment(**more)
    hear(payment, SOFT)
    return payment


def fresh(payment: Payment) -> Invoice:
    return Invoice.objects.get(id=payment.invoice_id)


def attempts(payment: Payment) -> list[tuple[int, str]]:
    return list(
        Payment.objects.filter(invoice_id=payment.invoice_id).order_by("attempt").values_list("attempt", "status")
    )


def said(payment: Payment, event: str) -> list[tuple[str, str]]:
    log = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id, type=event).order_by("sequence")
    return list(log.values_list("actor", "reason"))


def test_scar_polar_11905_there_are_exactly_as_many_attempts_as_the_policy_says(simulator: SimulatorServer) -> None:
    """Three payments, 60 and 120 seconds apart within the jitter, each a charge of its own; then the invoice failed."""
    payment = make_payment(token="tok_declined_insufficient_funds")
    waits = []
    services.submit(payment_id=payment.id)
    while fresh(payment).next_attempt_at is not None:
        assert services.retry_due() == 0
        waits.append(wait_for_next_attempt(payment.invoice).total_seconds())
        assert services.retry_due() == 1
        services.submit(payment_id=Payment.objects.get(live_invoice=payment.invoice_id).id)
    assert [60 <= waits[0] < 71, 120 <= waits[1] < 131, len(waits)] == [True, True, 2]
    assert attempts(payment) == [(1, "failed"), (2, "failed"), (3, "failed")]
    assert fresh(payment).status == "failed"
    assert set(simulator.core.charges_per_reference()) == set(Payment.objects.values_list("id", flat=True))
    assert len(said(payment, "payment.retry_scheduled")) == 2


def test_an_invoice_that_failed_is_payable_by_hand_one_attempt_a_time(simulator: SimulatorServer) -> None:
    """What is declined then is not tried again by itself; what succeeds pays."""
    payment = declined(invoice=make_invoice(retry_policy=RetryPolicy(1, 60, 3600, 0)))
    assert fresh(payment).status == "failed"
    hear(make_payment(invoice=payment.invoice), SOFT)
    assert (fresh(payment).status, fresh(payment).next_attempt_at) == ("failed", None)
    third = make_payment(invoice=payment.invoice)
    services.submit(payment_id=third.id)
    assert fresh(payment).status == "paid"
    assert services.retry_due() == 0


def test_scar_lago_api_3042_a_new_attempt_is_a_new_payment_with_a_new_key(simulator: SimulatorServer) -> None:
    """Same provider, method and correlation id as before, another id: what the provider pinned is left behind."""
    with correlation.bind("checkout-7"):
        first = make_payment(token="tok_declined_insufficient_funds")
    services.submit(payment_id=first.id)
    wait_for_next_attempt(first.invoice)
    services.retry_due()
    second = Payment.objects.get(live_invoice=first.invoice_id)
    assert second.id != first.id
    for same in ("provider", "provider_account", "payment_method", "correlation_id", "amount", "currency"):
        assert getattr(second, same) == getattr(first, same)
    assert second.correlation_id == "checkout-7"
    assert said(first, "payment.requested") == [
        ("api_key:key_test", ""),
        ("system:payments.retry", "attempt 1 was declined"),
    ]
    assert OutboxEvent.objects.filter(type="payment.requested", correlation_id="checkout-7").count() == 2


def test_scar_killbill_1015_an_unknown_attempt_is_found_out_before_another_is_made(simulator: SimulatorServer) -> None:
    """Its lost answer was a decline: only once the provider has said so is there a schedule."""
    payment = make_payment(token="tok_timeout_after_declined")
    services.submit(payment_id=payment.id)
    advance(by=datetime.timedelta(days=1))
    assert services.retry_due() == 0
    assert attempts(payment) == [(1, "unknown")]
    services.sweep()
    assert attempts(payment) == [(1, "failed")]
    wait_for_next_attempt(payment.invoice)
    assert services.retry_due() == 1


def test_a_hard_decline_is_never_tried_again(simulator: SimulatorServer) -> None:
    """A stolen card stays stolen."""
    payment = make_payment(token="tok_declined_stolen")
    services.submit(payment_id=payment.id)
    advance(by=datetime.timedelta(days=30))
    assert services.retry_due() == 0
    assert (fresh(payment).status, attempts(payment)) == ("failed", [(1, "failed")])


def test_a_manual_payment_is_never_made_by_itself() -> None:
    """Nobody's bank transfer is ordered by us."""
    payment = make_payment(provider="manual")
    services.fail_payment(actor=MERCHANT_KEY, payment_id=payment.id, failure_code="not_received")
    advance(by=datetime.timedelta(days=30))
    assert services.retry_due() == 0
    assert fresh(payment).status == "open"


def void(payment: Payment) -> None:
    void_invoice(actor=MERCHANT_KEY, invoice_id=payment.invoice_id)


def pay_by_hand(payment: Payment) -> None:
    make_payment(invoice=payment.invoice)


def pay_by_hand_and_cancel(payment: Payment) -> None:
    services.cancel_payment(actor=MERCHANT_KEY, payment_id=make_payment(invoice=payment.invoice).id)


def receive_money(payment: Payment) -> None:
    hear(payment, captured(payment))


def receive_other_money(payment: Payment) -> None:
    hear(payment, captured(payment, amount=payment.amount - 1))


@pytest.mark.parametrize(
    ("happen", "status", "payments"),
    [
        (void, "void", 1),
        (pay_by_hand, "processing", 2),
        (pay_by_hand_and_cancel, "open", 2),
        (receive_money, "paid", 1),
        (receive_other_money, "open", 1),
    ],
)
def test_whatever_happens_to_the_invoice_ends_its_schedule(
    happen: Callable[[Payment], None], status: str, payments: int
) -> None:
    """However long one waits, nothing is made by itself."""
    payment = declined()
    happen(payment)
    assert (fresh(payment).status, fresh(payment).next_attempt_at) == (status, None)
    advance(by=datetime.timedelta(days=1))
    assert services.retry_due() == 0
    assert len(attempts(payment)) == payments


def test_money_that_pays_nothing_yet_stops_the_schedule_and_says_why() -> None:
    """Taking the whole amount beside it would take too much: a person decides."""
    payment = declined()
    receive_other_money(payment)
    [(_, reason)] = said(payment, "payment.retry_stopped")
    assert reason.endswith("has arrived instead")


def test_money_held_since_before_the_decline_stops_it_too() -> None:
    """The first attempt's money came late and short, while the second was under way and then declined."""
    first = declined()
    second = make_payment(invoice=first.invoice)
    receive_other_money(first)
    hear(second, SOFT)
    wait_for_next_attempt(first.invoice)
    assert services.retry_due() == 0
    assert fresh(first).next_attempt_at is None
    assert said(first, "payment.retry_stopped") == [
        ("system:payments.retry", "money has arrived that somebody has to dispose of")
    ]


def test_a_provider_that_is_gone_ends_the_schedule_and_the_log_says_why(settings: LazySettings) -> None:
    """Once, and not again with every sweep; the invoice stays open for whoever pays by hand."""
    payment = declined()
    settings.PROVIDERS = {"manual": settings.PROVIDERS["manual"]}
    wait_for_next_attempt(payment.invoice)
    assert [services.retry_due(), services.retry_due()] == [0, 0]
    assert said(payment, "payment.retry_stopped") == [("system:payments.retry", "simulated is no longer configured")]
    assert (fresh(payment).status, attempts(payment)) == ("open", [(1, "failed")])


def test_a_payment_method_is_not_sent_to_another_account() -> None:
    """The account behind the provider was switched: its tokens belong to the old one."""
    payment = declined()
    with simulated_with(account="acct_new"):
        wait_for_next_attempt(payment.invoice)
        assert services.retry_due() == 0
    [(_, reason)] = said(payment, "payment.retry_stopped")
    assert reason == "simulated is no longer configured for the account acct_simulated"


def test_an_invoice_that_cannot_be_taken_up_is_put_off_and_stops_no_other() -> None:
    """Its attempts do not add up: the next one's number is taken."""
    broken, sound = declined(), declined()
    Invoice.objects.filter(id=broken.invoice_id).update(attempts=0)
    wait_for_next_attempt(broken.invoice)
    wait_for_next_attempt(sound.invoice)
    assert services.retry_due() == 1
    assert fresh(sound).status == "processing"
    put_off = fresh(broken).next_attempt_at
    assert put_off is not None
    assert put_off > clock.now()
    Invoice.objects.filter(id=broken.invoice_id).update(attempts=1)
    wait_for_next_attempt(broken.invoice)
    assert services.retry_due() == 1


def test_a_sweep_ends_when_its_time_is_up() -> None:
    """The next one goes on."""
    payments = [declined() for _ in range(3)]
    for payment in payments:
        wait_for_next_attempt(payment.invoice)
    assert services.retry_due(budget_seconds=-1) == 0
    assert services.retry_due(limit=2) == 2
    assert services.retry_due() == 1


def test_a_payment_made_by_the_sweep_is_due_for_the_other_sweep(simulator: SimulatorServer) -> None:
    """A lost nudge costs seconds, not the attempt."""
    payment = declined()
    wait_for_next_attempt(payment.invoice)
    assert tasks.retry_due.apply().get() == 1
    wait_for(Payment.objects.get(live_invoice=payment.invoice_id))
    services.sweep()
    assert attempts(payment) == [(1, "failed"), (2, "succeeded")]
    with pytest.raises(ForbiddenTransition):
        void_invoice(actor=MERCHANT_KEY, invoice_id=payment.invoice_id)
