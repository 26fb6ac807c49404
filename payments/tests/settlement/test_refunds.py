"""Refunds in the provider's books beside ours."""

import time

import pytest

from invoices.tests.factories import MERCHANT_KEY
from payments import services
from payments.models import Difference, Payment, Receipt, Refund
from payments.providers import registry
from payments.providers.base import NotFound, Succeeded
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.objects import NewRefund
from payments.tests.settlement.books import (
    assert_nothing_differs,
    found,
    paid,
    reconcile,
    refund_of,
    refunded_there,
)

pytestmark = pytest.mark.django_db(transaction=True)


def submitted(refund: Refund) -> Refund:
    services.submit_refund(refund_id=refund.id)
    return Refund.objects.get(id=refund.id)


def test_refunds_both_sides_have_are_no_difference(core: SimulatorCore) -> None:
    """Two equal ones are two."""
    payment = paid()
    for _ in range(2):
        submitted(refund_of(payment, 300))
    assert_nothing_differs()


@pytest.mark.parametrize("status", ["created", "unknown"])
def test_a_refund_whose_answer_was_lost_is_settled(core: SimulatorCore, status: str) -> None:
    """Whether or not we know that it was sent."""
    refund = refund_of(paid(), 300)
    if status == "unknown":
        core.dials = core.dials.changed({"timeout_after": 1.0})
        assert submitted(refund).status == "unknown"
    else:
        refunded_there(core, refund)
    difference = found()
    assert (difference.kind, difference.subject, difference.mend) == ("status", "refund", "settle_refund")
    assert (difference.our_id, difference.expected_amount, difference.found_amount) == (refund.id, -300, -300)
    assert difference.resolved_at
    assert Refund.objects.get().status == "succeeded"
    assert_nothing_differs()


def test_a_refund_over_another_amount_is_left_to_staff(core: SimulatorCore) -> None:
    """It is neither settled nor corrected."""
    refund = refund_of(paid(), 300)
    refunded_there(core, refund, amount=200)
    difference = found()
    assert (difference.kind, difference.expected_amount, difference.found_amount) == ("amount", -300, -200)
    assert difference.resolved_at is None
    assert Refund.objects.get().status == "created"


def test_a_refund_made_at_the_dashboard_is_taken_over(core: SimulatorCore) -> None:
    """Its webhook never came: the row is made, the money leaves the books, once."""
    payment = paid()
    there = core.refund_at_dashboard(payment.provider_reference, amount=400, now=time.time())
    difference = found()
    assert (difference.kind, difference.mend, bool(difference.resolved_at)) == ("missing_here", "adopt_refund", True)
    refund = Refund.objects.get()
    assert (refund.provider_reference, refund.amount, refund.status) == (there.id, 400, "succeeded")
    assert Payment.objects.get().amount_refunded == 400
    assert_nothing_differs()


def test_a_dashboard_refund_of_a_charge_nobody_told_us_of_follows_it(core: SimulatorCore) -> None:
    """Mended in the order of the books: the charge first, then what went back of it, then what came back."""
    payment = paid("tok_timeout_after")
    there = core.refund_at_dashboard(payment.id, amount=1250, now=time.time())
    core.settle_refund(there.id, failure_code="expired_or_canceled_card", now=time.time())
    report, told = reconcile()
    assert [difference.mend for difference in told] == ["book_capture", "adopt_refund", "book_return"]
    assert (report.mended, report.left) == (3, 0)
    assert Payment.objects.get().status == "refunded"
    assert_nothing_differs()


def test_a_dashboard_refund_that_may_be_ours_waits(core: SimulatorCore) -> None:
    """Ours over the same amount is under way, and the provider has not told its reference."""
    payment = paid()
    ours = refund_of(payment, 400)
    core.refund_at_dashboard(payment.provider_reference, amount=400, now=time.time())
    difference = found()
    assert (difference.resolved_at, ours.id in difference.detail) == (None, True)
    submitted(ours)
    assert found().resolved_at
    assert Refund.objects.filter(status="succeeded").count() == 2


def test_a_dashboard_refund_that_does_not_fit_is_left_to_staff(core: SimulatorCore) -> None:
    """All of the receipt is reserved by refunds of ours."""
    payment = paid()
    refund_of(payment, 1000)
    core.refund_at_dashboard(payment.provider_reference, amount=400, now=time.time())
    difference = found()
    assert (difference.mend, difference.resolved_at) == ("adopt_refund", None)
    assert "250 EUR" in difference.detail


def test_a_dashboard_refund_of_several_receipts_is_left_to_staff(core: SimulatorCore) -> None:
    """The whole charge, of which a part had come back."""
    payment = paid()
    first = submitted(refund_of(payment, 350))
    core.settle_refund(str(first.provider_reference), failure_code="expired_or_canceled_card", now=time.time())
    reconcile()
    core.refund_at_dashboard(payment.provider_reference, amount=1250, now=time.time())
    difference = found()
    assert (difference.mend, difference.resolved_at) == ("adopt_refund", None)
    assert all(receipt.id in difference.detail for receipt in payment.receipts.all())


def test_a_refund_of_a_charge_we_do_not_know_is_left_to_staff(core: SimulatorCore) -> None:
    """So is one that carries a reference which is none of ours."""
    payment = paid()
    new = NewRefund(charge=payment.provider_reference, reference="re_01h455vb4pex5vsknk084sn02q", amount=1)
    core.refund(new, key="k", now=time.time())
    assert (found().kind, found().mend) == ("missing_here", "")


def test_a_second_refund_under_one_reference_of_ours_is_left_to_staff(core: SimulatorCore) -> None:
    """The provider forgot the key and paid twice."""
    refund = submitted(refund_of(paid(), 300))
    core.refund(NewRefund(refund.charge_reference, refund.id, 300), key="another key", now=time.time())
    difference = found()
    assert (difference.kind, difference.our_id, difference.resolved_at) == ("missing_here", refund.id, None)
    assert "two under one reference" in difference.detail


@pytest.mark.parametrize("told_first", [True, False])
def test_a_refund_that_came_back_books_its_money(core: SimulatorCore, told_first: bool) -> None:
    """Whether or not we had heard that it succeeded before."""
    refund = refund_of(paid(), 300)
    reference = submitted(refund).provider_reference if told_first else refunded_there(core, refund)
    core.settle_refund(str(reference), failure_code="expired_or_canceled_card", now=time.time())
    _, told = reconcile()
    assert [difference.mend for difference in told][-1] == "book_return"
    assert all(difference.resolved_at for difference in told)
    returned = Receipt.objects.get(returned_refund=refund)
    assert (returned.amount, returned.amount_unapplied) == (300, 300)
    assert Refund.objects.get().status == "succeeded"
    assert_nothing_differs()


def test_a_refund_given_up_by_hand_that_left_all_the_same_is_another_one(core: SimulatorCore) -> None:
    """The one that staff has failed stays failed; what left is booked."""
    payment = paid()
    core.dials = core.dials.changed({"timeout_after": 1.0})
    refund = submitted(refund_of(payment, 300))
    Refund.objects.filter(id=refund.id).update(available_at=None)
    services.fail_refund(actor=MERCHANT_KEY, refund_id=refund.id, failure_code="lost", reason="nobody knows")
    assert found().resolved_at
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["failed", "succeeded"]
    assert_nothing_differs()


def test_a_refund_that_succeeded_and_failed_there_and_only_failed_here_is_none(core: SimulatorCore) -> None:
    """No money has moved on the whole: the provider is asked."""
    refund = refund_of(paid(), 300)
    reference = refunded_there(core, refund)
    core.settle_refund(reference, failure_code="expired_or_canceled_card", now=time.time())
    services.submit_refund(refund_id=refund.id)
    assert Refund.objects.get().status == "failed"
    assert_nothing_differs()


def test_a_refund_made_at_the_dashboard_can_be_asked_about(core: SimulatorCore) -> None:
    """It carries no reference of ours, so its own id says that it is the one."""
    payment = paid()
    there = core.refund_at_dashboard(payment.provider_reference, amount=300, now=time.time())
    found()
    refund = Refund.objects.get()
    outcome = registry.get("simulated").retrieve_refund(refund_id=refund.id, provider_reference=there.id)
    assert outcome == Succeeded(there.id, 300, "EUR", refund.provider_account)
    assert registry.get("simulated").retrieve_refund(refund_id=refund.id, provider_reference="") == NotFound()


def test_a_succeeded_refund_without_a_line_is_asked_about(core: SimulatorCore) -> None:
    """A window's edge is no difference; a refund that the provider does not stand by is left to staff."""
    refund = submitted(refund_of(paid(), 300))
    core._store.execute("DELETE FROM transactions WHERE kind = 'refund'")
    assert_nothing_differs()
    core._store.execute("UPDATE refunds SET status = 'pending'")
    difference = found()
    assert (difference.kind, difference.subject, difference.our_id) == ("missing_there", "refund", refund.id)
    assert (difference.expected_amount, difference.found_amount) == (-300, None)
    core._store.execute("UPDATE refunds SET status = 'succeeded'")
    assert reconcile()[0].resolved == 1
    assert Difference.objects.get().mend == "no_longer_found"
