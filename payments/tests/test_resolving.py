"""The ways out of review: staff says how a payment has ended, and what becomes of its money."""

import pytest

from config.kernel.errors import ForbiddenTransition
from config.kernel.money import InvalidMoney
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt, Refund
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


def in_review(amount: int | None = 100, *, due: int = 1000, currency: str = "EUR") -> Payment:
    """The provider has captured `amount` instead of what was due; None: a decline over another amount, no money."""
    payment = make_payment(invoice=make_invoice(due))
    if amount is None:
        tell_payment(payment, SOFT, amount=1)
    else:
        tell_payment(payment, captured(payment, amount=amount, currency=currency))
    payment = Payment.objects.get(id=payment.id)
    assert payment.status == "review"
    return payment


def resolve(
    payment: Payment, status: str, disposition: str = "keep", capture: services.Capture | None = None
) -> tuple[str, str, int]:
    """The payment's status, the invoice's, and what is due."""
    resolved = services.resolve_payment(
        actor=MERCHANT_KEY,
        payment_id=payment.id,
        status=status,
        disposition=services.Disposition(disposition),
        capture=capture,
        reason="asked the bank",
    )
    invoice = Invoice.objects.get(id=payment.invoice_id)
    return resolved.status, invoice.status, invoice.amount_due


def test_scar_hyperswitch_8455_money_that_did_not_match_is_resolved_by_a_person() -> None:
    """1000 were due, 100 came: applied, it leaves 900, which another payment pays."""
    payment = in_review(100, due=1000)
    assert resolve(payment, "succeeded", "apply") == ("succeeded", "open", 900)
    rest = make_payment(invoice=payment.invoice)
    assert rest.amount == 900
    tell_payment(rest, captured(rest))
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.amount_paid) == ("paid", 1000)
    events = OutboxEvent.objects.filter(type__in=["payment.succeeded", "receipt.applied", "invoice.reopened"])
    by_staff = events.filter(data__payment=payment.id) | events.filter(type="invoice.reopened")
    assert {(event.actor, event.reason) for event in by_staff} == {("api_key:key_test", "asked the bank")}


@pytest.mark.parametrize(
    ("amount", "disposition", "expected", "left"),
    [
        (100, "keep", ("succeeded", "open", 1000), (0, 100, 0)),
        (100, "apply", ("succeeded", "open", 900), (100, 0, 0)),
        (100, "split", ("succeeded", "open", 900), (100, 0, 0)),
        (100, "return", ("succeeded", "open", 1000), (0, 0, 100)),
        (1500, "keep", ("succeeded", "open", 1000), (0, 1500, 0)),
        (1500, "apply", ("succeeded", "paid", 0), (1000, 500, 0)),
        (1500, "split", ("succeeded", "paid", 0), (1000, 0, 500)),
        (1500, "return", ("succeeded", "open", 1000), (0, 0, 1500)),
        (1000, "apply", ("succeeded", "paid", 0), (1000, 0, 0)),
    ],
)
def test_what_becomes_of_money_too_little_and_too_much(
    amount: int, disposition: str, expected: tuple[str, str, int], left: tuple[int, int, int]
) -> None:
    """Applied, unapplied and on its way back; the invoice is paid, or open with what is due."""
    payment = in_review(None) if amount == 1000 else in_review(amount)
    capture = services.Capture("ch_1", 1000, "EUR") if amount == 1000 else None
    assert resolve(payment, "succeeded", disposition, capture) == expected
    receipt = receipt_of(payment)
    assert (receipt.amount_applied, receipt.amount_unapplied, receipt.amount_refunding) == left
    assert Invoice.objects.get().next_attempt_at is None


@pytest.mark.parametrize("disposition", ["keep", "return", "apply"])
def test_a_failed_payment_may_have_brought_money(disposition: str) -> None:
    """It is never lost; no automatic retry follows."""
    payment = in_review(1500)
    expected = ("failed", "paid", 0) if disposition == "apply" else ("failed", "open", 1000)
    assert resolve(payment, "failed", disposition) == expected
    payment = Payment.objects.get(id=payment.id)
    assert (payment.failure_code, payment.failure_retryable) == ("resolved_by_hand", False)


def test_without_any_money_a_payment_has_not_succeeded() -> None:
    """Say which capture it is, or that it has failed."""
    payment = in_review(None)
    with pytest.raises(services.NoMoneyKnown, match="no money of it is booked"):
        resolve(payment, "succeeded", "apply")
    assert resolve(payment, "failed") == ("failed", "open", 1000)
    assert not Receipt.objects.exists()


def test_a_capture_that_staff_has_found_is_a_receipt_like_any_other() -> None:
    """The provider's own news of it, when that comes, is stale."""
    payment = in_review(None)
    capture = services.Capture(f"ch_{payment.id}", 1000, "EUR")
    assert resolve(payment, "succeeded", "apply", capture) == ("succeeded", "paid", 0)
    assert Payment.objects.get().provider_reference == f"ch_{payment.id}"
    assert tell_payment(payment, captured(payment)) == "stale"
    assert receipt_of(payment).status == "applied"


def test_too_large_a_capture_is_split() -> None:
    """In the same step in which it is booked."""
    payment = in_review(None)
    assert resolve(payment, "succeeded", "split", services.Capture("ch_1", 1200, "EUR")) == ("succeeded", "paid", 0)
    refund = Refund.objects.get()
    assert (refund.amount, refund.charge_reference) == (200, "ch_1")
    tell_refund(refund, refunded(refund), charge_reference="ch_1")
    assert receipt_of(payment).amount_refunded == 200


def test_a_capture_is_booked_once() -> None:
    """Whose it is already is said; nothing has changed."""
    paid, payment = make_paid(), in_review(None)
    with pytest.raises(services.ReferenceTaken, match=paid.id):
        resolve(payment, "succeeded", "apply", services.Capture(f"ch_{paid.id}", 1000, "EUR"))
    assert Payment.objects.get(id=payment.id).status == "review"


@pytest.mark.parametrize(("amount", "currency"), [(0, "EUR"), (-1, "EUR"), (1000, "EURO")])
def test_a_capture_is_money(amount: int, currency: str) -> None:
    """At least one minor unit of a currency that exists."""
    with pytest.raises(InvalidMoney):
        resolve(in_review(None), "succeeded", "apply", services.Capture("ch_1", amount, currency))


def test_money_in_another_currency_can_only_be_kept_or_given_back() -> None:
    """It is never converted."""
    payment = in_review(1000, currency="USD")
    for disposition in ("apply", "split"):
        with pytest.raises(services.NotDisposable, match=r"1000 EUR .* are due"):
            resolve(payment, "succeeded", disposition)
    assert resolve(payment, "failed", "return") == ("failed", "open", 1000)


@pytest.mark.parametrize("disposition", ["apply", "return", "split"])
def test_there_must_be_money_to_dispose_of(disposition: str) -> None:
    """Otherwise it is a mistake that staff wants to hear of."""
    with pytest.raises(services.NotDisposable, match="nothing of it is unapplied"):
        resolve(in_review(None), "failed", disposition)


def test_only_what_is_in_review_is_resolved() -> None:
    """And once."""
    payment = in_review()
    resolve(payment, "failed")
    with pytest.raises(ForbiddenTransition, match="Cannot resolve payment in failed status"):
        resolve(payment, "succeeded")
    with pytest.raises(ForbiddenTransition, match="Cannot resolve payment in created status"):
        services.check_resolvable(make_payment())


def test_money_that_was_held_back_meanwhile_pays_when_the_review_ends_without() -> None:
    """Of an earlier attempt: it waited, for the payment in review might have paid."""
    first = make_payment(invoice=make_invoice(1000))
    tell_payment(first, SOFT)
    second = make_payment(invoice=first.invoice)
    tell_payment(second, captured(second, amount=7))
    tell_payment(first, captured(first))
    assert receipt_of(first).status == "unapplied"
    assert resolve(second, "failed", "keep") == ("failed", "paid", 0)
    assert (receipt_of(first).status, receipt_of(second).amount_unapplied) == ("applied", 7)


def test_money_that_was_held_back_goes_when_the_review_pays() -> None:
    """Nothing is due any more."""
    first = make_payment(invoice=make_invoice(1000))
    tell_payment(first, SOFT)
    second = make_payment(invoice=first.invoice)
    tell_payment(second, captured(second, amount=1100))
    tell_payment(first, captured(first))
    assert resolve(second, "succeeded", "split") == ("succeeded", "paid", 0)
    assert (receipt_of(first).status, receipt_of(second).amount_refunding) == ("refunding", 100)


def test_what_is_under_dispute_is_not_given_back() -> None:
    """It can be resolved all the same; its money is kept."""
    payment = in_review(100)
    tell_dispute(payment, "opened", amount=100)
    with pytest.raises(services.PaymentDisputed):
        resolve(payment, "failed", "return")
    assert resolve(payment, "failed", "keep") == ("failed", "open", 1000)


def test_money_that_was_kept_is_not_refunded_but_disposed_of() -> None:
    """A refund is of what has paid: nothing has."""
    payment = in_review(100)
    resolve(payment, "succeeded", "keep")
    with pytest.raises(services.RefundTooLarge, match=" 0 EUR"):
        services.check_refundable(Payment.objects.get())
    services.dispose_receipt(
        actor=MERCHANT_KEY, receipt_id=receipt_of(payment).id, disposition=services.Disposition.RETURN
    )


def test_late_money_after_a_person_has_failed_the_payment_is_not_lost() -> None:
    """It pays the open invoice."""
    payment = in_review(None)
    resolve(payment, "failed")
    assert tell_payment(payment, captured(payment)) == "applied"
    assert Invoice.objects.get().status == "paid"


def test_a_payment_that_brought_less_is_refunded_once_all_of_that_is_back() -> None:
    """Fully refunded is what it has paid, not what it was over."""
    payment = in_review(99)
    resolve(payment, "succeeded", "apply")
    for amount in (40, 59):
        refund = make_refund(payment, amount)
        tell_refund(refund, refunded(refund))
    assert Payment.objects.get(id=payment.id).status == "refunded"
