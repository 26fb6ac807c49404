"""Sending refunds, and finding out how they ended when nobody says. Against a real provider simulator over HTTP."""

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from config.kernel import clock, correlation
from config.kernel.errors import ForbiddenTransition, Unavailable
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt, Refund
from payments.providers import registry
from payments.providers.base import Canceled, Declined
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.services.refunds import reconciliation, submission
from payments.tests.factories import (
    captured,
    make_payment,
    make_refund,
    receipt_of,
    tell_dispute,
    tell_payment,
    tell_refund,
)
from payments.tests.simulator import connected_simulator, simulated_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]
STAFF = MERCHANT_KEY


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """A simulator that the configured provider talks to; an answer that it loses is a connection it closes at once."""
    with connected_simulator(timeout_seconds=10) as server:
        dial(server, hang_seconds=0.05)
        yield server


def pay(token: str = "tok_visa", amount: int = 1250, currency: str = "EUR") -> Payment:
    """A payment whose money the provider has, as it told us."""
    payment = make_payment(invoice=make_invoice(amount, currency), token=token)
    services.submit(payment_id=payment.id)
    return Payment.objects.get(id=payment.id)


def status(refund: Refund) -> str:
    return str(Refund.objects.get(id=refund.id).status)


def make_due(refund: Refund) -> None:
    """As if the time until the next look had passed."""
    Refund.objects.filter(id=refund.id).update(available_at=clock.now())


def dial(simulator: SimulatorServer, **dials: Any) -> None:
    simulator.core.dials = simulator.core.dials.changed(dials)


def refunds_there(simulator: SimulatorServer) -> list[tuple[str, int, str]]:
    """(our reference, amount, status) of all the provider has."""
    return [(refund.reference, refund.amount, refund.status) for refund in simulator.core.refunds()]


def hear_dispute(payment: Payment, news: str) -> None:
    tell_dispute(payment, news, charge_reference=payment.provider_reference)


@contextlib.contextmanager
def configured_otherwise(**options: Any) -> Iterator[None]:
    """As `simulated_with`, after the simulator has been talked to: its connections would stay open."""
    registry.get("simulated").close()  # type: ignore[attr-defined]
    with simulated_with(**options):
        yield


def lose_the_answer(simulator: SimulatorServer, refund: Refund, *, done: bool) -> None:
    """The refund is sent, and no answer comes, whether the provider has acted or not."""
    dial(simulator, **{"timeout_after" if done else "timeout_before": 1.0})
    services.submit_refund(refund_id=refund.id)
    dial(simulator, timeout_after=0.0, timeout_before=0.0)
    assert status(refund) == "unknown"


def test_submitting_gives_the_money_back(simulator: SimulatorServer) -> None:
    """Under our id, of the charge that brought it; all of it back is a refunded payment."""
    payment = pay()
    refund = make_refund(payment)
    assert services.submit_refund(refund_id=refund.id) == services.EventResult.APPLIED
    assert refunds_there(simulator) == [(refund.id, 1250, "succeeded")]
    payment = Payment.objects.select_related("invoice").get(id=payment.id)
    assert (payment.status, payment.amount_refunded) == ("refunded", 1250)
    assert (payment.invoice.status, payment.invoice.amount_refunded) == ("paid", 1250)


def test_submitting_twice_refunds_once(simulator: SimulatorServer) -> None:
    """The second worker finds the refund taken."""
    refund = make_refund(pay())
    services.submit_refund(refund_id=refund.id)
    assert services.submit_refund(refund_id=refund.id) == services.EventResult.STALE
    assert len(refunds_there(simulator)) == 1


def test_scar_lago_643_a_yen_is_refunded_as_a_yen(simulator: SimulatorServer) -> None:
    """Minor units everywhere, and none of a currency that has none is a hundred."""
    refund = make_refund(pay(amount=500, currency="JPY"))
    services.submit_refund(refund_id=refund.id)
    assert refunds_there(simulator) == [(refund.id, 500, "succeeded")]


def test_what_the_provider_refuses_is_ours_again(simulator: SimulatorServer) -> None:
    """It was given back on the provider's pages before: the refund fails, nothing stays reserved."""
    payment = pay()
    simulator.core.refund_at_dashboard(payment.provider_reference, amount=None, now=0)
    refund = make_refund(payment)
    services.submit_refund(refund_id=refund.id)
    refund = Refund.objects.get(id=refund.id)
    assert (refund.status, refund.failure_code) == ("failed", "charge_already_refunded")
    assert receipt_of(payment).amount_refundable == 1250


@pytest.mark.parametrize("end", ["opened", "lost"])
def test_a_dispute_that_comes_first_stops_the_refund(simulator: SimulatorServer, end: str) -> None:
    """Open or lost: the payer's bank gives the money back, so we do not."""
    payment = pay()
    refund = make_refund(payment)
    hear_dispute(payment, end)
    services.submit_refund(refund_id=refund.id)
    refund = Refund.objects.get(id=refund.id)
    assert (refund.status, refund.failure_code) == ("failed", "payment_disputed")
    assert refunds_there(simulator) == []


def test_a_lost_refund_is_not_sent_again_under_a_dispute(simulator: SimulatorServer) -> None:
    """It stays unknown; once the dispute is won it goes."""
    payment = pay()
    refund = make_refund(payment)
    lose_the_answer(simulator, refund, done=False)
    hear_dispute(payment, "opened")
    for expected in ("unknown", "succeeded"):
        make_due(refund)
        services.sweep_refunds()
        assert status(refund) == expected
        hear_dispute(payment, "won")


@pytest.mark.parametrize("done", [True, False])
def test_scar_hyperswitch_3751_a_lost_refund_is_found_by_our_reference(simulator: SimulatorServer, done: bool) -> None:
    """Its provider id was never learned. Done or not, there is one refund in the end."""
    refund = make_refund(pay())
    lose_the_answer(simulator, refund, done=done)
    assert Refund.objects.get(id=refund.id).provider_reference is None
    make_due(refund)
    assert services.sweep_refunds() == 1
    assert status(refund) == "succeeded"
    assert refunds_there(simulator) == [(refund.id, 1250, "succeeded")]


def test_the_sweep_submits_what_no_worker_took(simulator: SimulatorServer) -> None:
    """Only once the worker's grace has passed."""
    refund = make_refund(pay())
    assert services.sweep_refunds() == 0
    make_due(refund)
    assert services.sweep_refunds() == 1
    assert status(refund) == "succeeded"


def test_a_refund_whose_worker_died_is_resumed(simulator: SimulatorServer) -> None:
    """Claimed, never answered: after the lease it is unknown, then asked about and sent again with its key."""
    refund = make_refund(pay())
    assert submission._claim(refund, wait=True) is not None
    assert services.sweep_refunds() == 0
    make_due(refund)
    services.sweep_refunds()
    assert status(refund) == "succeeded"
    assert OutboxEvent.objects.filter(type="refund.unknown").count() == 1


def test_what_the_provider_forgot_is_never_sent_again(simulator: SimulatorServer) -> None:
    """Outside the idempotency window the same key could refund again: look up only, and stay unknown."""
    refund = make_refund(pay())
    lose_the_answer(simulator, refund, done=False)
    long_ago = clock.wall() - datetime.timedelta(hours=23, minutes=1)
    Refund.objects.filter(id=refund.id).update(submitted_at=long_ago)
    make_due(refund)
    services.sweep_refunds()
    assert status(refund) == "unknown"
    assert refunds_there(simulator) == []


def test_when_nobody_can_tell_it_stays_unknown_for_staff(simulator: SimulatorServer, settings: LazySettings) -> None:
    """After the whole schedule it is asked about no more; its money stays reserved, for it may have gone."""
    settings.RECONCILE_SCHEDULE_SECONDS = [1, 1, 1]
    payment = pay()
    refund = make_refund(payment)
    with configured_otherwise(base_url="http://127.0.0.1:9", timeout_seconds=0.2):
        services.submit_refund(refund_id=refund.id)
        for _ in range(4):
            assert Refund.objects.get(id=refund.id).available_at is not None
            make_due(refund)
            services.sweep_refunds()
    refund = Refund.objects.get(id=refund.id)
    assert (refund.status, refund.available_at, refund.reconciliations) == ("unknown", None, 3)
    assert receipt_of(payment).amount_refunding == 1250
    assert services.sweep_refunds() == 0


def test_staff_has_it_asked_about_again(simulator: SimulatorServer, settings: LazySettings) -> None:
    """Also after the schedule; what comes of it is theirs in the log."""
    settings.RECONCILE_SCHEDULE_SECONDS = [1]
    refund = make_refund(pay())
    lose_the_answer(simulator, refund, done=True)
    Refund.objects.filter(id=refund.id).update(available_at=None, reconciliations=1)
    assert (
        services.reconcile_refund_now(actor=STAFF, refund_id=refund.id, reason="the customer called")
        == services.EventResult.APPLIED
    )
    event = OutboxEvent.objects.get(type="refund.succeeded")
    assert (event.actor, event.reason) == (STAFF.actor, "the customer called")
    with pytest.raises(ForbiddenTransition, match="Cannot reconcile refund in succeeded status"):
        services.reconcile_refund_now(actor=STAFF, refund_id=refund.id)


def test_nobody_is_asked_beside_a_submission_under_way(simulator: SimulatorServer) -> None:
    """Its answer is on the way."""
    refund = make_refund(pay())
    submission._claim(refund, wait=True)
    assert services.reconcile_refund_now(actor=STAFF, refund_id=refund.id) == services.EventResult.STALE
    assert refunds_there(simulator) == []


def test_another_account_than_the_moneys_is_never_asked_nor_used(simulator: SimulatorServer) -> None:
    """The account behind the provider was switched: the same key would refund there a second time."""
    asked, unsent = make_refund(pay()), make_refund(pay())
    lose_the_answer(simulator, asked, done=True)
    with configured_otherwise(account="acct_new", base_url=simulator.url):
        make_due(asked)
        services.sweep_refunds()
        services.submit_refund(refund_id=unsent.id)
    assert status(asked) == status(unsent) == "unknown"
    assert refunds_there(simulator) == [(asked.id, 1250, "succeeded")]


def test_a_refund_made_at_the_provider_is_never_sent(simulator: SimulatorServer) -> None:
    """Whatever its state, it has the provider's reference from the start."""
    payment = pay()
    refund = make_refund(payment)
    Refund.objects.filter(id=refund.id).update(provider_reference="rf_dashboard")
    assert services.submit_refund(refund_id=refund.id) == services.EventResult.STALE
    assert refunds_there(simulator) == []


def test_one_that_fails_later_leaves_the_money_to_be_refunded_again(simulator: SimulatorServer) -> None:
    """Pending at first: asked about, the provider says that it has failed."""
    payment = pay("tok_refund_fails")
    refund = make_refund(payment)
    services.submit_refund(refund_id=refund.id)
    assert (status(refund), receipt_of(payment).amount_refunding) == ("processing", 1250)
    simulator.core.advance(now=clock.wall().timestamp() + 3600)
    make_due(refund)
    services.sweep_refunds()
    assert (status(refund), services.check_refundable(payment)) == ("failed", 1250)


def test_one_that_comes_back_is_a_receipt_and_can_be_given_back_again(simulator: SimulatorServer) -> None:
    """It had succeeded: its money is unapplied, and goes back as a refund of the same charge."""
    payment = pay()
    refund = make_refund(payment)
    services.submit_refund(refund_id=refund.id)
    there = simulator.core.refunds()[0]
    simulator.core.settle_refund(there.id, failure_code="expired_or_canceled_card", now=0)
    failed = Declined("expired_or_canceled_card", retryable=False, reference=there.id)
    assert tell_refund(refund, failed, refund_reference=there.id, charge_reference=there.charge) == "applied"
    returned = payment.receipts.get(returned_refund=refund)
    assert (status(refund), returned.amount_unapplied) == ("succeeded", 1250)
    services.dispose_receipt(
        actor=STAFF, receipt_id=returned.id, disposition=services.Disposition.RETURN, reason="other card"
    )
    again = Refund.objects.get(receipt=returned)
    services.submit_refund(refund_id=again.id)
    assert status(again) == "succeeded"
    assert Receipt.objects.get(id=returned.id).status == "refunded"
    assert refunds_there(simulator) == [(refund.id, 1250, "failed"), (again.id, 1250, "succeeded")]
    assert Payment.objects.get(id=payment.id).amount_refunded == 1250


def test_surplus_money_goes_back_by_itself(simulator: SimulatorServer) -> None:
    """A late charge for an invoice that others have paid: its refund is swept up like any other."""
    first = pay("tok_pending")
    services.cancel_payment(actor=STAFF, payment_id=first.id)
    tell_payment(first, Canceled())
    second = make_payment(invoice=first.invoice)
    services.submit(payment_id=second.id)
    charge = simulator.core.settle_charge(first.id, failure_code="", now=0)
    assert tell_payment(first, captured(first, reference=charge.id)) == "applied"
    refund = Refund.objects.get()
    make_due(refund)
    services.sweep_refunds()
    assert refunds_there(simulator) == [(refund.id, 1250, "succeeded")]
    assert (status(refund), receipt_of(first).status) == ("succeeded", "refunded")
    assert Payment.objects.get(id=first.id).amount_refunded == 0


def test_what_a_worker_does_carries_the_correlation_id_of_the_request(simulator: SimulatorServer) -> None:
    """Through the row, so that it survives a lost message and a dead worker."""
    payment = pay()
    with correlation.bind("desk-7"):
        refund = make_refund(payment)
    services.submit_refund(refund_id=refund.id)
    events = OutboxEvent.objects.filter(type__startswith="refund.").values_list("correlation_id", flat=True)
    assert set(events) == {"desk-7"}


def test_a_refund_of_a_provider_that_is_gone_does_not_stop_the_sweep(simulator: SimulatorServer) -> None:
    """It is put off, the next one is taken up."""
    broken, sound = make_refund(pay()), make_refund(pay())
    Refund.objects.filter(id=broken.id).update(provider="gone")
    make_due(broken)
    make_due(sound)
    services.sweep_refunds()
    assert status(sound) == "succeeded"
    put_off = Refund.objects.get(id=broken.id).available_at
    assert put_off is not None
    assert put_off > clock.now()


@pytest.mark.parametrize(("sent", "expected"), [(False, "created"), (True, "unknown")])
def test_what_can_never_be_taken_up_ends_with_a_person_if_it_may_have_been_sent(
    simulator: SimulatorServer, settings: LazySettings, sent: bool, expected: str
) -> None:
    """What was never sent waits for its provider to come back, for as long as it takes."""
    settings.RECONCILE_SCHEDULE_SECONDS = [1, 1]
    refund = make_refund(pay())
    if sent:
        submission._claim(refund, wait=True)
    Refund.objects.filter(id=refund.id).update(provider="gone")
    for _ in range(4):
        if Refund.objects.get(id=refund.id).available_at is not None:
            make_due(refund)
        services.sweep_refunds()
    left = Refund.objects.get(id=refund.id)
    assert (left.status, left.available_at is None) == (expected, sent)


def test_a_failure_after_the_claim_leaves_the_schedule_alone(
    simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try stays where the claim has put it."""
    refund = make_refund(pay())
    lose_the_answer(simulator, refund, done=True)
    make_due(refund)

    def unavailable(**_: object) -> None:
        raise Unavailable()

    monkeypatch.setattr(reconciliation, "record_answer", unavailable)
    services.sweep_refunds()
    later = Refund.objects.get(id=refund.id)
    assert later.reconciliations == 1
    assert later.available_at is not None
    assert later.available_at > clock.now() + datetime.timedelta(seconds=200)


def test_the_webhook_and_the_answer_are_one(simulator: SimulatorServer) -> None:
    """The webhook comes before the answer is recorded: the answer is stale."""
    refund = make_refund(pay())
    claimed = submission._claim(refund, wait=True)
    assert claimed is not None
    outcome = submission.send(claimed)
    assert tell_refund(refund, outcome, refund_reference=simulator.core.refunds()[0].id) == "applied"
    answer = submission.record_answer(refund=claimed, outcome=outcome, actor=submission.ACTOR)
    assert answer == services.EventResult.STALE


def test_a_refund_nobody_has_is_not_found() -> None:
    """Text that is no id included."""
    for service in (services.submit_refund, services.reconcile_refund):
        with pytest.raises(services.RefundNotFound):
            service(refund_id="re_nonsense")
