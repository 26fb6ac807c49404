"""What a provider says becomes state and money, in whatever order it is said."""

from typing import Any

import pytest

from config.api.principals import system
from config.kernel import clock, db
from invoices.ledger import services as ledger
from invoices.models import Invoice
from invoices.services import void_invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt
from payments.providers.base import Canceled, Declined, NotFound, Outcome, Pending, ProviderEvent, Succeeded, Unknown
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import HARD, SOFT, captured, make_payment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]
ACTOR = system("test")


@db.transaction(idempotent=False)
def say(payment: Payment, outcome: Outcome) -> str:
    """Apply `outcome` as a webhook, a worker or a reconciliation would."""
    invoice, locked = lock(payment.id)
    return apply_outcome(invoice=invoice, payment=locked, outcome=outcome, actor=ACTOR).value


@db.transaction(idempotent=False)
def send(payment: Payment) -> None:
    """As far as `submit` comes before the provider answers."""
    invoice, locked = lock(payment.id)
    apply_outcome(invoice=invoice, payment=locked, outcome=Pending(), actor=ACTOR)


def state(payment: Payment) -> tuple[str, str]:
    fresh = Payment.objects.select_related("invoice").get(id=payment.id)
    return fresh.status, fresh.invoice.status


def receipts(payment: Payment) -> list[tuple[int, str]]:
    return list(Receipt.objects.filter(payment=payment).order_by("id").values_list("amount", "status"))


def log(invoice: Invoice) -> list[str]:
    return list(OutboxEvent.objects.filter(aggregate_id=invoice.id).order_by("sequence").values_list("type", flat=True))


def test_a_capture_pays_the_invoice_and_the_books_say_from_what() -> None:
    """Receipt, ledger, payment, invoice and log move in one step."""
    payment = make_payment(invoice=make_invoice(1250))
    send(payment)
    assert say(payment, captured(payment)) == "applied"
    assert state(payment) == ("succeeded", "paid")
    assert receipts(payment) == [(1250, "applied")]
    assert ledger.balances() == {
        ("clearing:simulated", "EUR"): 1250,
        ("receivable", "EUR"): 0,
        ("revenue", "EUR"): -1250,
        ("unapplied", "EUR"): 0,
    }
    assert log(payment.invoice) == [
        "invoice.created",
        "payment.requested",
        "invoice.processing",
        "payment.processing",
        "receipt.created",
        "payment.submitted",
        "payment.succeeded",
        "receipt.applied",
        "invoice.paid",
    ]


def test_a_repeated_capture_is_stale() -> None:
    """The receipt's identity is the deduplication."""
    payment = make_payment()
    say(payment, captured(payment))
    before = log(payment.invoice)
    assert say(payment, captured(payment)) == "stale"
    assert log(payment.invoice) == before
    assert len(receipts(payment)) == 1


def test_a_capture_may_come_before_the_worker_has_sent_anything() -> None:
    """A created payment passes through processing, so the log has no gap."""
    payment = make_payment()
    assert say(payment, captured(payment)) == "applied"
    assert state(payment) == ("succeeded", "paid")
    assert services.submit(payment_id=payment.id) == services.EventResult.STALE


@pytest.mark.parametrize("late", [Pending("ch_x"), SOFT, HARD, Canceled(), Unknown("lost"), NotFound()], ids=repr)
def test_scar_hyperswitch_10340_nothing_moves_a_succeeded_payment(late: Outcome) -> None:
    """Final states never leave, whatever is said afterwards."""
    payment = make_payment()
    say(payment, captured(payment))
    assert say(payment, late) == "stale"
    assert state(payment) == ("succeeded", "paid")


@pytest.mark.parametrize("late", [Pending("ch_x"), SOFT, HARD, Canceled(), Unknown("lost"), NotFound()], ids=repr)
def test_nothing_but_money_moves_what_a_failed_payment_left(late: Outcome) -> None:
    """A failed payment stays failed and its invoice stays payable."""
    payment = make_payment()
    say(payment, SOFT)
    assert say(payment, late) == "stale"
    assert state(payment) == ("failed", "open")


@pytest.mark.parametrize(("outcome", "expected"), [(SOFT, "open"), (HARD, "failed"), (Canceled(), "open")], ids=repr)
def test_an_attempt_without_money_leaves_the_invoice_payable_by_hand(outcome: Outcome, expected: str) -> None:
    """A retryable decline or a cancel reopens it, a hard decline fails it, and both can be paid again."""
    payment = make_payment()
    say(payment, outcome)
    assert state(payment)[1] == expected
    again = make_payment(invoice=payment.invoice)
    assert again.attempt == 2
    say(again, captured(again))
    assert state(again) == ("succeeded", "paid")


@pytest.mark.parametrize("change", [{"amount": 999}, {"currency": "USD"}, {"amount": 5000}])
def test_scar_hyperswitch_8455_money_that_does_not_match_is_booked_but_pays_nothing(
    change: dict[str, int | str],
) -> None:
    """Another amount or currency goes to review: the receipt is in the books, the invoice is not paid."""
    payment = make_payment()
    say(payment, captured(payment, **change))  # type: ignore[arg-type]
    assert state(payment) == ("review", "processing")
    assert "captured" in Payment.objects.get(id=payment.id).failure_message
    assert [status for _, status in receipts(payment)] == ["unapplied"]


def test_money_in_another_account_goes_to_review() -> None:
    """The account is part of what must match."""
    payment = make_payment()
    outcome = Succeeded(reference="ch_1", amount=payment.amount, currency=payment.currency, account="acct_other")
    say(payment, outcome)
    assert state(payment) == ("review", "processing")


def test_late_money_for_a_failed_attempt_pays_the_open_invoice() -> None:
    """The payment stays failed, the money is not lost."""
    payment = make_payment()
    say(payment, SOFT)
    assert say(payment, captured(payment)) == "applied"
    assert state(payment) == ("failed", "paid")
    assert receipts(payment) == [(payment.amount, "applied")]


def test_late_money_replaces_an_attempt_that_was_not_sent_yet() -> None:
    """The second attempt is canceled before it can charge."""
    first = make_payment()
    say(first, SOFT)
    second = make_payment(invoice=first.invoice)
    say(first, captured(first))
    assert state(first) == ("failed", "paid")
    assert state(second) == ("canceled", "paid")
    assert services.submit(payment_id=second.id) == services.EventResult.STALE


def test_late_money_waits_for_an_attempt_that_is_under_way_and_pays_when_that_fails() -> None:
    """While the second attempt may still charge, the money of the first is held."""
    first = make_payment()
    say(first, SOFT)
    second = make_payment(invoice=first.invoice)
    send(second)
    say(first, captured(first))
    assert state(second) == ("processing", "processing")
    assert receipts(first) == [(first.amount, "unapplied")]
    say(second, HARD)
    assert state(second) == ("failed", "paid")
    assert receipts(first) == [(first.amount, "applied")]


def test_of_two_captures_one_pays_and_the_other_goes_back() -> None:
    """Double success doubles nothing and loses nothing."""
    first = make_payment()
    say(first, SOFT)
    second = make_payment(invoice=first.invoice)
    send(second)
    say(first, captured(first))
    say(second, captured(second))
    assert state(second) == ("succeeded", "paid")
    assert receipts(first) == [(first.amount, "refunding")]
    assert receipts(second) == [(second.amount, "applied")]


def test_a_second_charge_for_one_payment_is_booked_and_goes_back() -> None:
    """Two provider references for one payment are two receipts; one of them pays."""
    payment = make_payment()
    say(payment, captured(payment, reference="ch_1"))
    assert say(payment, captured(payment, reference="ch_2")) == "applied"
    assert receipts(payment) == [(payment.amount, "applied"), (payment.amount, "refunding")]


def test_late_money_on_a_void_invoice_goes_back() -> None:
    """Void is final."""
    payment = make_payment()
    say(payment, SOFT)
    void_invoice(actor=MERCHANT_KEY, invoice_id=payment.invoice_id)
    say(payment, captured(payment))
    assert state(payment) == ("failed", "void")
    assert receipts(payment) == [(payment.amount, "refunding")]


def test_a_capture_already_booked_for_another_payment_goes_to_review() -> None:
    """A provider that names one charge for two payments is not believed twice."""
    first, second = make_payment(), make_payment()
    say(first, captured(first, reference="ch_same"))
    say(second, captured(second, reference="ch_same"))
    assert state(second) == ("review", "processing")
    assert receipts(second) == []


def test_scar_polar_14274_a_decline_of_another_charge_does_not_concern_this_one() -> None:
    """An event belongs to one attempt, found by its id."""
    payment = make_payment()
    say(payment, Pending("ch_1"))
    assert say(payment, Declined(code="expired", retryable=False, reference="ch_2")) == "stale"
    assert state(payment) == ("processing", "processing")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Pending("ch_1"), ("processing", "processing")),
        (SOFT, ("failed", "open")),
        (HARD, ("failed", "failed")),
        (Canceled(), ("canceled", "open")),
        (Unknown("still"), ("unknown", "processing")),
        (NotFound(), ("unknown", "processing")),
    ],
    ids=repr,
)
def test_an_unknown_payment_becomes_what_the_provider_says(outcome: Outcome, expected: tuple[str, str]) -> None:
    """Not found is never failed."""
    payment = make_payment()
    send(payment)
    say(payment, Unknown("timeout"))
    assert state(payment) == ("unknown", "processing")
    say(payment, outcome)
    assert state(payment) == expected


def test_scar_killbill_1015_an_unknown_payment_blocks_new_attempts() -> None:
    """A retry beside a lost answer is how one pays twice."""
    payment = make_payment()
    send(payment)
    say(payment, Unknown("timeout"))
    with pytest.raises(services.PaymentAlreadyLive, match=payment.id):
        make_payment(invoice=payment.invoice)


def test_a_repeated_pending_changes_nothing() -> None:
    """Nor does it put off the moment we ask."""
    payment = make_payment()
    say(payment, Pending("ch_1"))
    before = Payment.objects.get(id=payment.id).available_at
    assert say(payment, Pending("ch_1")) == "stale"
    assert Payment.objects.get(id=payment.id).available_at == before


def told(payment: Payment, outcome: Outcome, **changes: Any) -> ProviderEvent:
    """A verified event about `payment`, as a webhook brings it."""
    facts = {
        "account": payment.provider_account,
        "amount": payment.amount,
        "currency": payment.currency,
        "our_reference": payment.id,
        "charge_reference": "ch_1",
    }
    return ProviderEvent(id="evt_1", type="charge.told", created_at=clock.now(), outcome=outcome, **facts | changes)


@pytest.mark.parametrize("change", [{"account": "acct_other"}, {"amount": 1}, {"currency": "USD"}])
def test_a_decline_that_does_not_match_is_reviewed_not_believed(change: dict[str, Any]) -> None:
    """Another account, amount or currency is somebody else's decline."""
    payment = make_payment()
    assert hear(told(payment, HARD, **change)) == "applied"
    assert state(payment) == ("review", "processing")
    assert hear(told(payment, HARD, **change)) == "stale"


@pytest.mark.parametrize("change", [{"amount": None}, {"currency": ""}, {"amount": None, "currency": ""}])
def test_a_decline_that_leaves_amounts_out_is_believed(change: dict[str, Any]) -> None:
    """Providers may."""
    payment = make_payment()
    assert hear(told(payment, HARD, **change)) == "applied"
    assert state(payment) == ("failed", "failed")


def test_a_mismatching_decline_of_another_charge_does_not_concern_this_one() -> None:
    """Neither with the right amount nor with a wrong one."""
    payment = make_payment()
    say(payment, Pending("ch_1"))
    assert hear(told(payment, HARD, charge_reference="ch_2", amount=1)) == "stale"
    assert state(payment) == ("processing", "processing")


@pytest.mark.parametrize("pending_first", [True, False])
def test_a_mismatching_pending_changes_nothing_in_any_order(pending_first: bool) -> None:
    """One terminal outcome, one end."""
    payment = make_payment()
    events = [told(payment, Pending("ch_1"), amount=1), told(payment, captured(payment, reference="ch_1"))]
    for event in events if pending_first else events[::-1]:
        hear(event)
    assert state(payment) == ("succeeded", "paid")


@db.transaction(idempotent=False)
def hear(event: ProviderEvent) -> str:
    return services.apply_event(provider="simulated", event=event).value


def test_a_capture_of_nothing_is_reviewed_and_not_booked() -> None:
    """The books know no amount of zero."""
    payment = make_payment()
    assert say(payment, captured(payment, amount=0)) == "applied"
    assert state(payment) == ("review", "processing")
    assert receipts(payment) == []


def test_money_in_a_currency_nobody_knows_is_booked_and_can_be_looked_at() -> None:
    """Staff need to see it most of all."""
    payment = make_payment()
    say(payment, captured(payment, currency="XQQ"))
    assert state(payment) == ("review", "processing")
    assert str(Receipt.objects.get()).endswith(f"({payment.amount} XQQ)")


def test_late_money_in_another_account_never_pays() -> None:
    """It is booked where it is, and a person decides."""
    payment = make_payment()
    say(payment, HARD)
    elsewhere = Succeeded(f"ch_{payment.id}", payment.amount, payment.currency, "acct_other")
    assert say(payment, elsewhere) == "applied"
    assert state(payment) == ("failed", "failed")
    assert receipts(payment) == [(payment.amount, "unapplied")]
