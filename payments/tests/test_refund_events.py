"""What a provider says of refunds, ours and those made on its own pages, in whatever order and however often."""

from typing import Any

import pytest
from django.db import connection

from config.tests.test_mariadb import sent
from invoices.ledger import services as ledger
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments.models import Payment, Receipt, Refund
from payments.providers.base import Canceled, Declined, NotFound, Outcome, Pending, Succeeded, Unknown
from payments.services import Disposition, fail_refund, resolve_payment
from payments.services.refunds import adopting, reserving, submission
from payments.tests.factories import (
    captured,
    make_paid,
    make_payment,
    make_refund,
    receipt_of,
    refunded,
    tell_dashboard_refund,
    tell_payment,
    tell_refund,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]
RETURNED = Declined(code="expired_or_canceled_card", retryable=False)


def state(refund: Refund) -> tuple[str, str | None]:
    fresh = Refund.objects.get(id=refund.id)
    return fresh.status, fresh.provider_reference


def amounts(receipt: Receipt) -> dict[str, int]:
    receipt = Receipt.objects.get(id=receipt.id)
    return {
        "applied": receipt.amount_applied,
        "unapplied": receipt.amount_unapplied,
        "refunding": receipt.amount_refunding,
        "refunded": receipt.amount_refunded,
    }


def log(payment: Payment) -> list[str]:
    events = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id).order_by("sequence")
    return [event for event in events.values_list("type", flat=True) if "refund" in event]


def claim(refund: Refund) -> None:
    """As far as `submit_refund` comes before the provider answers."""
    assert submission._claim(refund, wait=True) is not None


def lose(refund: Refund) -> None:
    claim(refund)
    assert answer(refund, Unknown("timeout")) == "applied"


def answer(refund: Refund, outcome: Outcome) -> str:
    return submission.record_answer(refund=refund, outcome=outcome, actor=submission.ACTOR).value


def test_a_refund_moves_the_books_with_its_tax() -> None:
    """Refunds and the tax in them against the provider's clearing account, in steps that add up."""
    payment = make_paid(amount=1250)
    for amount in (400, 850):
        refund = make_refund(payment, amount)
        tell_refund(refund, refunded(refund))
    assert ledger.balances() == {
        ("clearing:simulated", "EUR"): 0,
        ("receivable", "EUR"): 0,
        ("refunds", "EUR"): 1250,
        ("revenue", "EUR"): -1250,
        ("unapplied", "EUR"): 0,
    }
    assert Payment.objects.get(id=payment.id).status == "refunded"
    assert log(payment) == [
        *["refund.created", "refund.processing", "refund.succeeded"] * 2,
        "payment.refunded",
    ]


def test_scar_gumroad_6193_one_refund_told_three_times_is_recorded_once() -> None:
    """Ours, and one made at the provider of which we learn only so."""
    payment = make_paid(amount=1250)
    refund = make_refund(payment, 400)
    assert [tell_refund(refund, refunded(refund)) for _ in range(3)] == ["applied", "stale", "stale"]
    outcome = refunded(refund, reference="rf_there", amount=300)
    told = [tell_dashboard_refund(payment, outcome, reference="rf_there", amount=300) for _ in range(3)]
    assert told == ["applied", "stale", "stale"]
    assert amounts(receipt_of(payment)) == {"applied": 1250, "unapplied": 0, "refunding": 0, "refunded": 700}


@pytest.mark.parametrize("references", [{"refund_reference": "rf_x"}, {"our_reference": ""}])
def test_scar_hyperswitch_5298_a_webhook_is_matched_by_either_reference(references: dict[str, str]) -> None:
    """By ours, whatever the provider calls it; by the provider's, where it leaves ours out and has told us its own."""
    refund = make_refund(make_paid())
    claim(refund)
    if "our_reference" in references:
        answer(refund, Pending(f"rf_{refund.id}"))
    reference = references.get("refund_reference", f"rf_{refund.id}")
    assert tell_refund(refund, refunded(refund, reference=reference), **references) == "applied"
    assert state(refund) == ("succeeded", reference)
    assert Refund.objects.count() == 1


def test_a_webhook_without_our_reference_waits_while_it_may_be_of_a_refund_of_ours() -> None:
    """Otherwise one refund would be two: ours, and one we think was made at the provider."""
    payment = make_paid()
    refund = make_refund(payment)
    claim(refund)
    outcome = refunded(refund, reference="rf_1")
    assert tell_dashboard_refund(payment, outcome, reference="rf_1", amount=1250) == "unknown_reference"
    answer(refund, Pending("rf_1"))
    assert tell_dashboard_refund(payment, outcome, reference="rf_1", amount=1250) == "applied"
    assert state(refund) == ("succeeded", "rf_1")


def test_a_refund_of_ours_that_nobody_knows_waits() -> None:
    """Its row may be about to be committed; text of another kind means that it was made at the provider."""
    payment = make_paid()
    outcome = refunded(make_refund(payment, 1), reference="rf_1", amount=100)
    there: dict[str, Any] = {"reference": "rf_1", "amount": 100}
    unheard_of = "re_01h455vb4pex5vsknk084sn02q"
    assert tell_dashboard_refund(payment, outcome, our_reference=unheard_of, **there) == "unknown_reference"
    assert tell_dashboard_refund(payment, outcome, our_reference=payment.id, **there) == "applied"


def test_a_dashboard_refund_waits_for_its_charge() -> None:
    """Until somebody has told us of the money."""
    payment = make_payment()
    outcome = captured(payment, reference="rf_1", amount=100)
    assert tell_dashboard_refund(payment, outcome, reference="rf_1", amount=100) == "unknown_reference"
    tell_payment(payment, captured(payment))
    assert tell_dashboard_refund(payment, outcome, reference="rf_1", amount=100) == "applied"
    assert Payment.objects.get(id=payment.id).amount_refunded == 100


def test_a_pending_dashboard_refund_is_followed_to_its_end() -> None:
    """It has a row, is asked about, and settles."""
    payment = make_paid()
    assert tell_dashboard_refund(payment, Pending("rf_1"), reference="rf_1", amount=100) == "applied"
    refund = Refund.objects.get()
    assert (state(refund), refund.available_at is not None) == (("processing", "rf_1"), True)
    assert tell_dashboard_refund(payment, refunded(refund, reference="rf_1"), reference="rf_1", amount=100) == "applied"
    assert state(refund) == ("succeeded", "rf_1")


def test_a_dashboard_refund_that_does_not_fit_is_tried_again() -> None:
    """A refund of ours may be about to fail and leave the money to it."""
    payment = make_paid()
    ours = make_refund(payment, 1000)
    outcome = refunded(ours, reference="rf_there", amount=1250)
    with pytest.raises(reserving.RefundTooLarge, match="250 EUR"):
        tell_dashboard_refund(payment, outcome, reference="rf_there", amount=1250)
    claim(ours)
    answer(ours, Declined(code="amount_too_large", retryable=False))
    assert tell_dashboard_refund(payment, outcome, reference="rf_there", amount=1250) == "applied"
    assert Payment.objects.get(id=payment.id).status == "refunded"


def test_a_dashboard_refund_of_money_that_pays_nothing_is_not_counted_on_the_invoice() -> None:
    """All of it has gone: the receipt is refunded."""
    payment = make_payment()
    tell_payment(payment, captured(payment, amount=999))
    outcome = captured(payment, reference="rf_1", amount=999)
    assert tell_dashboard_refund(payment, outcome, reference="rf_1", amount=999) == "applied"
    receipt = receipt_of(payment)
    assert (receipt.status, amounts(receipt)["refunded"]) == ("refunded", 999)
    assert Payment.objects.get(id=payment.id).amount_refunded == 0


def test_a_dashboard_refund_takes_what_had_come_back() -> None:
    """The first refund of the charge was returned; the second, made at the provider, is of that money."""
    payment = make_paid()
    first = make_refund(payment)
    tell_refund(first, refunded(first))
    tell_refund(first, RETURNED)
    outcome = refunded(first, reference="rf_there")
    assert tell_dashboard_refund(payment, outcome, reference="rf_there", amount=1250) == "applied"
    assert Receipt.objects.get(returned_refund=first).status == "refunded"
    assert Payment.objects.get(id=payment.id).amount_refunded == 1250


def test_a_refund_that_fails_gives_its_reservation_back() -> None:
    """It can be refunded again."""
    payment = make_paid()
    refund = make_refund(payment)
    assert tell_refund(refund, Declined(code="lost_card", retryable=False)) == "applied"
    assert (Refund.objects.get().failure_code, amounts(receipt_of(payment))["refunding"]) == ("lost_card", 0)
    assert make_refund(payment).amount == 1250


def test_a_refund_that_comes_back_after_it_succeeded_is_a_receipt_once() -> None:
    """The refund stays what it was; its money is there again and waits for somebody to decide."""
    payment = make_paid()
    refund = make_refund(payment)
    tell_refund(refund, refunded(refund))
    told = [tell_refund(refund, RETURNED), tell_refund(refund, RETURNED)]
    assert told == ["applied", "stale"]
    returned = Receipt.objects.get(returned_refund=refund)
    assert (returned.status, returned.amount_unapplied) == ("unapplied", 1250)
    assert (state(refund)[0], Payment.objects.get(id=payment.id).status) == ("succeeded", "refunded")
    assert ledger.balances()["clearing:simulated", "EUR"] == 1250


OF_ANOTHER = Declined(code="x", retryable=False, reference="rf_2")


@pytest.mark.parametrize("late", [Pending(), OF_ANOTHER, Unknown("lost"), NotFound()], ids=repr)
def test_nothing_but_its_return_concerns_a_refund_that_has_succeeded(late: Outcome) -> None:
    """The return of another refund of the provider's does not either."""
    refund = make_refund(make_paid())
    tell_refund(refund, refunded(refund))
    assert tell_refund(refund, late) == "stale"
    assert state(refund)[0] == "succeeded"
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize("late", [Pending("rf_2"), RETURNED, Unknown("lost"), NotFound()], ids=repr)
def test_a_failed_refund_stays_failed(late: Outcome) -> None:
    """A success of the very refund that the provider has failed included: it came late."""
    payment = make_paid()
    refund = make_refund(payment)
    failed = Declined(code="lost_card", retryable=False, reference=f"rf_{refund.id}")
    tell_refund(refund, failed)
    for outcome in (late, refunded(refund)):
        assert tell_refund(refund, outcome) == "stale"
    assert state(refund)[0] == "failed"
    assert amounts(receipt_of(payment)) == {"applied": 1250, "unapplied": 0, "refunding": 0, "refunded": 0}


@pytest.mark.parametrize("change", [{"amount": 999}, {"currency": "USD"}, {"account": "acct_other"}])
def test_other_money_than_asked_for_is_not_believed_and_a_person_looks(change: dict[str, Any]) -> None:
    """It stays unknown, its money reserved, and is asked about no more; said again it is stale."""
    payment = make_paid()
    refund = make_refund(payment)
    outcome = refunded(refund, **change)
    assert [tell_refund(refund, outcome, **change) for _ in range(2)] == ["applied", "stale"]
    refund = Refund.objects.get(id=refund.id)
    assert (refund.status, refund.available_at) == ("unknown", None)
    assert str(next(iter(change.values()))) in refund.failure_message
    assert amounts(receipt_of(payment))["refunding"] == 1250
    assert tell_refund(refund, refunded(refund)) == "applied"
    assert state(refund)[0] == "succeeded"


@pytest.mark.parametrize("change", [{"amount": 999}, {"currency": "USD"}, {"account": "acct_other"}])
def test_a_failure_that_does_not_match_is_not_believed(change: dict[str, Any]) -> None:
    """Of one that has succeeded it is somebody else's; a mismatching pending says nothing at all."""
    done, live = make_refund(make_paid()), make_refund(make_paid())
    tell_refund(done, refunded(done))
    assert tell_refund(done, RETURNED, **change) == "stale"
    assert tell_refund(live, Pending("rf_1"), **change) == "stale"
    assert tell_refund(live, RETURNED, **change) == "applied"
    assert (state(done)[0], state(live)[0]) == ("succeeded", "unknown")


def test_one_refund_of_the_providers_is_not_two_of_ours() -> None:
    """The second that is to be known by the same reference is looked at by a person."""
    payment = make_paid()
    first, second = make_refund(payment, 500), make_refund(payment, 500)
    assert tell_refund(first, refunded(first, reference="rf_1")) == "applied"
    assert tell_refund(second, refunded(second, reference="rf_1")) == "applied"
    assert (state(first), state(second)) == (("succeeded", "rf_1"), ("unknown", None))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Pending("rf_1"), "processing"),
        (Declined(code="x", retryable=False), "failed"),
        (Canceled(), "failed"),
        (Unknown("still"), "unknown"),
        (NotFound(), "unknown"),
    ],
    ids=repr,
)
def test_an_unknown_refund_becomes_what_the_provider_says(outcome: Outcome, expected: str) -> None:
    """Not found is never failed."""
    refund = make_refund(make_paid())
    lose(refund)
    answer(refund, outcome)
    assert state(refund)[0] == expected


def test_several_refunds_of_money_that_pays_nothing_may_end_differently() -> None:
    """A part given back at the provider, the rest by us; one fails, and its money waits again."""
    first = make_payment()
    tell_payment(first, captured(first, amount=2000))
    tell_dashboard_refund(first, Pending("rf_1"), reference="rf_1", amount=700)
    receipt = receipt_of(first)
    assert (receipt.status, amounts(receipt)["unapplied"]) == ("unapplied", 1300)
    dashboard = Refund.objects.get()
    tell_dashboard_refund(first, RETURNED, reference="rf_1", amount=700)
    assert (state(dashboard)[0], amounts(receipt)["unapplied"]) == ("failed", 2000)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="counted by MariaDB")
def test_applying_a_refund_webhook_takes_thirteen_round_trips() -> None:
    """BEGIN, find, locks, refund, its reference?, payment, receipt, invoice, refund, four inserts, COMMIT."""
    refund = make_refund(make_paid(), 400)
    claim(refund)
    outcome = refunded(refund)
    connection.ensure_connection()
    with sent() as counted:
        tell_refund(refund, outcome)
    assert counted.statements == 13


def test_a_second_refund_under_our_reference_is_booked_as_another() -> None:
    """A provider that has forgotten our key gives back twice: both have left, and both are in the books."""
    refund = make_refund(make_paid(amount=1250), 200)
    claim(refund)
    assert tell_refund(refund, refunded(refund, reference="rf_first"), refund_reference="rf_first") == "applied"
    assert tell_refund(refund, refunded(refund, reference="rf_second"), refund_reference="rf_second") == "applied"
    told = Refund.objects.order_by("id").values_list("provider_reference", "status")
    assert list(told) == [("rf_first", "succeeded"), ("rf_second", "succeeded")]


def test_what_comes_back_of_a_refund_that_was_made_in_place_of_ours_is_booked() -> None:
    """Ours was failed by hand, the provider had made it all the same, and then it failed there."""
    refund = make_refund(make_paid(amount=1250), 200)
    lose(refund)
    Refund.objects.filter(id=refund.id).update(available_at=None)
    fail_refund(actor=MERCHANT_KEY, refund_id=refund.id, failure_code="not_sent", reason="not on their pages")
    assert tell_refund(refund, refunded(refund, reference="rf_1"), refund_reference="rf_1") == "applied"
    came_back = Declined(code="expired_or_canceled_card", retryable=False, reference="rf_1")
    assert tell_refund(refund, came_back, refund_reference="rf_1") == "applied"
    made_there = Refund.objects.get(provider_reference="rf_1")
    assert Receipt.objects.get(returned_refund=made_there).amount_unapplied == 200


def test_a_dashboard_refund_takes_what_has_paid_and_then_what_has_not() -> None:
    """110 came for 100: 100 were applied, 10 kept, and somebody gave the whole charge back at the provider."""
    payment = make_payment(invoice=make_invoice(100))
    tell_payment(payment, captured(payment, amount=110))
    resolve_payment(actor=MERCHANT_KEY, payment_id=payment.id, status="succeeded", disposition=Disposition.APPLY)
    receipt = receipt_of(payment)
    assert (receipt.amount_applied, receipt.amount_unapplied) == (100, 10)
    outcome = Succeeded("rf_all", 110, payment.currency, payment.provider_account)
    assert tell_dashboard_refund(payment, outcome, reference="rf_all", amount=110) == "applied"
    refund = Refund.objects.get()
    assert (refund.status, refund.amount, refund.amount_unapplied) == ("succeeded", 110, 10)
    assert amounts(receipt) == {"applied": 100, "unapplied": 0, "refunding": 0, "refunded": 110}
    payment = Payment.objects.get(id=payment.id)
    assert (payment.status, payment.amount_refunded, payment.invoice.amount_refunded) == ("refunded", 100, 100)
    assert ledger.balances()["clearing:simulated", "EUR"] == 0


@pytest.mark.parametrize(("amount", "fits"), [(900, True), (350, True), (901, False), (1250, False)])
def test_a_dashboard_refund_is_of_one_receipt_or_of_none(amount: int, fits: bool) -> None:
    """A part of the charge came back: a refund over more than either has says of which receipts it would be."""
    payment = make_paid(amount=1250)
    first = make_refund(payment, 350)
    tell_refund(first, refunded(first))
    tell_refund(first, Declined("closed", retryable=False))
    outcome = Succeeded("rf_all", amount, payment.currency, payment.provider_account)
    if fits:
        assert tell_dashboard_refund(payment, outcome, reference="rf_all", amount=amount) == "applied"
        return
    with pytest.raises(adopting.RefundSpansReceipts) as refused:
        tell_dashboard_refund(payment, outcome, reference="rf_all", amount=amount)
    assert all(receipt.id in refused.value.detail for receipt in payment.receipts.all())
    assert list(Refund.objects.all()) == [first]


def test_a_dashboard_refund_over_more_than_all_receipts_is_too_large() -> None:
    """Nothing is said of several."""
    payment = make_paid(amount=1250)
    first = make_refund(payment, 350)
    tell_refund(first, refunded(first))
    tell_refund(first, Declined("closed", retryable=False))
    outcome = Succeeded("rf_all", 1251, payment.currency, payment.provider_account)
    with pytest.raises(reserving.RefundTooLarge) as refused:
        tell_dashboard_refund(payment, outcome, reference="rf_all", amount=1251)
    assert refused.value.code == "refund_too_large"


def test_a_dashboard_refund_of_both_kinds_that_fails_gives_both_back() -> None:
    """Each cent is where it was."""
    payment = make_payment(invoice=make_invoice(100))
    tell_payment(payment, captured(payment, amount=110))
    resolve_payment(actor=MERCHANT_KEY, payment_id=payment.id, status="succeeded", disposition=Disposition.APPLY)
    receipt = receipt_of(payment)
    tell_dashboard_refund(payment, Pending("rf_all"), reference="rf_all", amount=110)
    assert amounts(receipt) == {"applied": 100, "unapplied": 0, "refunding": 110, "refunded": 0}
    tell_dashboard_refund(
        payment, Declined("closed", retryable=False, reference="rf_all"), reference="rf_all", amount=110
    )
    assert amounts(receipt) == {"applied": 100, "unapplied": 10, "refunding": 0, "refunded": 0}
