"""What belongs to one invoice, payment, charge or account moves nothing of another's."""

import pytest

from config.api.principals import system
from payments.models import Payment, Receipt, Refund
from payments.providers.base import Outcome, Pending
from payments.services import receipts, submission
from payments.services.refunds import reserving
from payments.services.refunds import submission as refund_submission
from payments.tests.factories import (
    SOFT,
    captured,
    make_paid,
    make_payment,
    make_refund,
    receipt_of,
    refunded,
    tell_dispute,
    tell_payment,
    tell_refund,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]


def tell(payment: Payment, outcome: Outcome) -> None:
    """What the provider answers, not a webhook."""
    submission.record(payment=payment, outcome=outcome, actor=system("test"))


def test_money_that_waits_for_one_invoice_does_not_pay_another() -> None:
    """Of the same amount and currency: it came for somebody else."""
    theirs, ours = make_payment(), make_payment()
    tell(theirs, SOFT)
    second = make_payment(invoice=theirs.invoice)
    tell(second, Pending("ch_second"))
    tell(theirs, captured(theirs))
    tell(ours, SOFT)
    assert Payment.objects.get(id=ours.id).invoice.status == "open"
    assert [receipt.payment_id for receipt in receipts.held_for(theirs.invoice)] == [theirs.id]
    assert list(receipts.held_for(ours.invoice)) == []


def test_one_minor_unit_that_waits_is_held() -> None:
    """The smallest amount there is."""
    payment = make_payment()
    tell(payment, captured(payment, amount=1))
    assert [receipt.amount for receipt in receipts.held_for(payment.invoice)] == [1]


def test_the_dispute_of_one_payment_blocks_no_refund_of_another() -> None:
    """Its own blocks it."""
    theirs, ours = make_paid(), make_paid()
    refunds = [make_refund(payment) for payment in (theirs, ours)]
    tell_dispute(theirs, "opened")
    assert [reserving.is_blocked(refund) for refund in refunds] == [True, False]
    with pytest.raises(reserving.PaymentDisputed):
        reserving.check_undisputed(theirs, left=0)
    reserving.check_undisputed(ours, left=0)


def test_a_lost_dispute_takes_only_its_amount_from_what_can_go_back() -> None:
    """A refund of the rest still goes; where it took one unit more, it does not."""
    for lost, is_blocked in ((250, False), (251, True)):
        payment = make_paid(amount=1250)
        refund = make_refund(payment, 1000)
        for status in ("opened", "lost"):
            tell_dispute(payment, status, amount=lost, reference=f"dp_{lost}")
        assert reserving.amount_lost(receipt_of(payment)) == lost
        assert reserving.is_blocked(refund) is is_blocked


def test_a_refund_may_be_ours_while_its_reference_is_not_known() -> None:
    """Of the same charge and amount, live, and nothing else."""
    payment, other = make_paid(), make_paid()
    refund = make_refund(payment, 400)
    assert reserving.may_be_ours(receipt_of(payment), amount=400) == refund
    assert reserving.may_be_ours(receipt_of(payment), amount=401) is None
    assert reserving.may_be_ours(receipt_of(other), amount=400) is None
    refund_submission._claim(refund, wait=True)
    tell_refund(refund, Pending(f"rf_{refund.id}"))
    assert reserving.may_be_ours(receipt_of(payment), amount=400) is None


def test_a_refund_of_one_charge_is_none_of_the_payments_other_charge() -> None:
    """A payment may have been charged twice."""
    payment = make_paid()
    make_refund(payment, 400)
    tell_payment(payment, captured(payment, reference="ch_2"), charge_reference="ch_2")
    second = Receipt.objects.get(payment=payment, provider_reference="ch_2")
    assert reserving.may_be_ours(second, amount=400) is None


def test_charges_that_bear_one_name_in_two_accounts_have_refunds_of_their_own() -> None:
    """A reference counts within its provider's account."""
    theirs, ours = make_payment(), make_payment()
    Payment.objects.filter(id=theirs.id).update(provider_account="another")
    for payment in (Payment.objects.get(id=theirs.id), ours):
        tell(payment, captured(payment, reference="ch_same"))
    make_refund(theirs, 400)
    assert reserving.may_be_ours(receipt_of(ours), amount=400) is None


def test_refunds_that_bear_one_name_in_two_accounts_are_two() -> None:
    """Only within an account does a reference name one refund."""
    theirs, ours = make_payment(), make_paid()
    Payment.objects.filter(id=theirs.id).update(provider_account="another")
    theirs = Payment.objects.get(id=theirs.id)
    tell_payment(theirs, captured(theirs), account="another")
    first, second = make_refund(theirs), make_refund(ours)
    for refund in (first, second):
        outcome = refunded(refund, reference="rf_same")
        assert tell_refund(refund, outcome, account=refund.provider_account, refund_reference="rf_same") == "applied"
    assert set(Refund.objects.values_list("status", "provider_reference")) == {("succeeded", "rf_same")}


def test_refunds_that_bear_one_name_at_two_providers_are_two() -> None:
    """A reference is the provider's own."""
    payment = make_paid()
    theirs, ours = make_refund(payment, 100), make_refund(payment, 200)
    refund_submission._claim(theirs, wait=True)
    Refund.objects.filter(id=theirs.id).update(provider="another", provider_reference="rf_same")
    outcome = refunded(ours, reference="rf_same")
    assert tell_refund(ours, outcome, refund_reference="rf_same") == "applied"
    assert Refund.objects.get(id=ours.id).status == "succeeded"


@pytest.mark.parametrize(
    ("news", "pays"),
    [(["opened"], False), (["opened", "lost"], False), (["opened", "won"], True), (["opened", "lost", "won"], True)],
)
def test_money_pays_while_nobody_disputes_it(news: list[str], pays: bool) -> None:
    """A dispute that was won is none, be it after it was lost."""
    payment = make_payment()
    tell(payment, SOFT)
    second = make_payment(invoice=payment.invoice)
    tell(second, Pending("ch_second"))
    tell(payment, captured(payment))
    for status in news:
        tell_dispute(payment, status)
    assert receipts.pays(receipt_of(payment), Payment.objects.get(id=payment.id).invoice) is pays
