"""Refunds of bank transfers and cash, and those that nobody could find out about, are ended by a person."""

import pytest

from config.kernel.errors import ForbiddenTransition
from invoices.ledger import services as ledger
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt, Refund
from payments.providers.base import Declined, Outcome, Pending, Unknown
from payments.services.refunds import submission
from payments.tests.factories import make_paid, make_payment, make_refund, receipt_of, refunded, tell_refund

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]


def manual_refund(amount: int | None = None) -> Refund:
    payment = make_payment(provider="manual", token="")
    services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id)
    return make_refund(payment, amount)


def given_up(*, reference: str = "") -> Refund:
    """A refund that the provider was asked for, and could not tell the end of."""
    refund = make_refund(make_paid())
    assert submission._claim(refund, wait=True) is not None
    answers: list[Outcome] = [Pending(reference), Unknown("timeout")] if reference else [Unknown("timeout")]
    for outcome in answers:
        submission.record_answer(refund=refund, outcome=outcome, actor=submission.ACTOR)
    Refund.objects.filter(id=refund.id).update(available_at=None)
    return Refund.objects.get(id=refund.id)


def confirm(refund: Refund, reference: str = "") -> Refund:
    return services.confirm_refund(actor=MERCHANT_KEY, refund_id=refund.id, reference=reference, reason="statement 7")


def fail(refund: Refund) -> Refund:
    return services.fail_refund(
        actor=MERCHANT_KEY, refund_id=refund.id, failure_code="account_closed", reason="came back"
    )


@pytest.mark.parametrize("sent", [False, True])
def test_confirming_takes_the_money_out_of_the_bank(sent: bool) -> None:
    """Whether a worker has already put it to processing or not; the log says who and why."""
    refund = manual_refund()
    if sent:
        services.submit_refund(refund_id=refund.id)
        assert Refund.objects.get(id=refund.id).available_at is None
    assert (confirm(refund, "RF18").status, Refund.objects.get().provider_reference) == ("succeeded", "RF18")
    assert ledger.balances()["bank", "EUR"] == 0
    event = OutboxEvent.objects.get(type="refund.succeeded")
    assert (event.actor, event.reason) == ("api_key:key_test", "statement 7")


def test_a_manual_refund_waits_for_a_person_for_ever() -> None:
    """There is nobody to ask."""
    refund = manual_refund()
    services.submit_refund(refund_id=refund.id)
    assert services.sweep_refunds() == 0
    with pytest.raises(services.RefundSettledByHand, match="by hand"):
        services.reconcile_refund_now(actor=MERCHANT_KEY, refund_id=refund.id)


def test_failing_leaves_the_money_to_be_refunded_again() -> None:
    """With the code and the reason."""
    refund = manual_refund()
    failed = fail(refund)
    assert (failed.status, failed.failure_code, failed.failure_message) == ("failed", "account_closed", "came back")
    assert services.check_refundable(Payment.objects.get()) == refund.amount


def test_what_has_ended_is_neither_confirmed_nor_failed_again() -> None:
    """A forbidden transition, in a sentence."""
    confirmed, failed = confirm(manual_refund()), fail(manual_refund())
    with pytest.raises(ForbiddenTransition, match="Cannot confirm refund in succeeded status"):
        confirm(confirmed)
    with pytest.raises(ForbiddenTransition, match="Cannot fail refund in failed status"):
        fail(failed)


def test_a_reference_is_that_of_one_refund() -> None:
    """The second stays as it was."""
    first, second = manual_refund(), manual_refund()
    confirm(first, "RF18")
    with pytest.raises(services.RefundReferenceTaken, match="RF18"):
        confirm(second, "RF18")
    assert Refund.objects.get(id=second.id).status == "created"


def test_other_providers_settle_themselves() -> None:
    """Nobody may say by hand that a refund has gone back while the provider is still asked about it."""
    refund = make_refund(make_paid())
    for by_hand in (confirm, fail):
        with pytest.raises(services.RefundNotManual, match="settled by simulated"):
            by_hand(refund)
    tell_refund(refund, Pending("rf_1"))
    with pytest.raises(services.NotManual):
        confirm(refund)


def test_a_refund_given_up_on_may_be_confirmed_and_may_still_come_back() -> None:
    """The provider's later word: success changes nothing, a failure brings the money back."""
    refund = given_up()
    assert confirm(refund).status == "succeeded"
    assert tell_refund(refund, refunded(refund)) == "stale"
    assert tell_refund(refund, Declined(code="late", retryable=False)) == "applied"
    assert Receipt.objects.get(returned_refund=refund).amount_unapplied == refund.amount


def test_a_given_up_refund_is_not_confirmed_under_another_reference() -> None:
    """The provider had named its own."""
    refund = given_up(reference="rf_1")
    with pytest.raises(services.RefundReferenceTaken, match="rf_2"):
        confirm(refund, "rf_2")
    assert confirm(refund, "rf_1").provider_reference == "rf_1"


@pytest.mark.parametrize("reference", ["", "rf_1"])
def test_money_that_goes_after_a_person_has_failed_its_refund_is_booked(reference: str) -> None:
    """The refund stays failed; what has gone is another one, once."""
    refund = given_up(reference=reference)
    fail(refund)
    told = [tell_refund(refund, refunded(refund, reference="rf_1"), refund_reference="rf_1") for _ in range(2)]
    assert told == ["applied", "stale"]
    assert Refund.objects.get(id=refund.id).status == "failed"
    late = Refund.objects.exclude(id=refund.id).get()
    assert (late.status, late.provider_reference, late.amount) == ("succeeded", "rf_1", refund.amount)
    assert Payment.objects.get().status == "refunded"
    assert receipt_of(late.payment).amount_refunded == refund.amount


def test_a_refund_nobody_has_is_not_found() -> None:
    """Text that is no id included."""
    with pytest.raises(services.RefundNotFound):
        services.confirm_refund(actor=MERCHANT_KEY, refund_id="re_nonsense")


def test_a_transfer_that_came_back_after_it_was_confirmed_is_booked_once() -> None:
    """The refund stays succeeded, its money is unapplied, and a second time there is nothing left to say."""
    refund = manual_refund()
    confirm(refund, "RF18")
    fail(refund)
    assert Refund.objects.get(id=refund.id).status == "succeeded"
    assert Receipt.objects.get(returned_refund=refund).amount_unapplied == refund.amount
    with pytest.raises(ForbiddenTransition):
        fail(refund)


def test_a_transfer_that_comes_back_may_share_its_reference_with_others() -> None:
    """Banks use one for a transfer and its refund, and for what comes next: all of it is booked."""
    payment = make_payment(provider="manual", token="")
    services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id, reference="RF18")
    out, unnamed = make_refund(payment, 100), make_refund(payment, 200)
    confirm(out, "RF18")
    confirm(unnamed, "RF19")
    assert fail(out).status == fail(unnamed).status == "succeeded"
    other = make_payment(provider="manual", token="")
    services.confirm_payment(actor=MERCHANT_KEY, payment_id=other.id, reference="RF19")
    returned = Receipt.objects.exclude(returned_refund=None)
    assert {receipt.provider_reference for receipt in returned} == {out.id, unnamed.id}
