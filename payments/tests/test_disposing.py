"""Money that pays nothing is applied to its invoice, given back, or both."""

import pytest

from invoices.ledger import services as ledger
from invoices.models import Invoice
from invoices.services import void_invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Receipt, Refund
from payments.providers.base import Declined, Pending
from payments.tests.factories import (
    SOFT,
    captured,
    make_payment,
    receipt_of,
    refunded,
    tell_dashboard_refund,
    tell_dispute,
    tell_payment,
    tell_refund,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]


def late_money(amount: int, currency: str = "EUR", *, due: int = 1250) -> Receipt:
    """Of a failed payment, over another amount than was due: it pays nothing by itself."""
    payment = make_payment(invoice=make_invoice(due))
    tell_payment(payment, SOFT)
    tell_payment(payment, captured(payment, amount=amount, currency=currency))
    receipt = receipt_of(payment)
    assert (receipt.status, receipt.amount_unapplied) == ("unapplied", amount)
    return receipt


def dispose(receipt: Receipt, disposition: str) -> Receipt:
    return services.dispose_receipt(
        actor=MERCHANT_KEY,
        receipt_id=receipt.id,
        disposition=services.Disposition(disposition),
        reason="asked the customer",
    )


def invoice_of(receipt: Receipt) -> tuple[str, int]:
    invoice = Invoice.objects.get(id=receipt.invoice_id)
    return invoice.status, invoice.amount_due


def test_applying_less_than_is_due_leaves_the_rest_to_be_paid() -> None:
    """No payment is made by itself; one made by hand is over the rest, and pays it."""
    receipt = dispose(late_money(1000), "apply")
    assert (receipt.status, receipt.amount_applied) == ("applied", 1000)
    assert invoice_of(receipt) == ("open", 250)
    assert Invoice.objects.get().next_attempt_at is None
    rest = make_payment(invoice=Invoice.objects.get())
    assert rest.amount == 250
    tell_payment(rest, captured(rest))
    assert invoice_of(receipt) == ("paid", 0)
    assert not Refund.objects.exists()
    event = OutboxEvent.objects.get(type="receipt.applied", data__receipt=receipt.id)
    assert (event.actor, event.reason) == ("api_key:key_test", "asked the customer")


def test_applying_money_ends_the_schedule_of_payments() -> None:
    """The log says why none is made by itself any more."""
    receipt = late_money(1000)
    tell_payment(make_payment(invoice=Invoice.objects.get()), SOFT)
    assert Invoice.objects.get().next_attempt_at is not None
    dispose(receipt, "apply")
    assert Invoice.objects.get().next_attempt_at is None
    assert OutboxEvent.objects.filter(type="payment.retry_stopped").latest("sequence").reason.startswith(receipt.id)


def test_a_partly_paid_invoice_whose_rest_is_declined_can_be_voided() -> None:
    """What had been paid stays paid."""
    receipt = dispose(late_money(1000), "apply")
    rest = make_payment(invoice=Invoice.objects.get())
    tell_payment(rest, Declined(code="stolen_card", retryable=False))
    assert invoice_of(receipt) == ("failed", 250)
    void_invoice(actor=MERCHANT_KEY, invoice_id=receipt.invoice_id)
    assert ledger.balances()["revenue", "EUR"] == -1000


def test_applying_more_than_is_due_keeps_what_is_over() -> None:
    """It waits for somebody to decide again, and can only be given back."""
    receipt = dispose(late_money(5000), "apply")
    assert (receipt.status, receipt.amount_applied, receipt.amount_unapplied) == ("applied", 1250, 3750)
    assert invoice_of(receipt) == ("paid", 0)
    with pytest.raises(services.NotDisposable, match=r"0 EUR .* are due"):
        dispose(receipt, "apply")
    dispose(receipt, "return")
    assert Refund.objects.get().amount == 3750


def test_splitting_applies_what_is_due_and_gives_the_rest_back() -> None:
    """In one step; once that is done, the books hold exactly the invoice."""
    receipt = dispose(late_money(5000), "split")
    refund = Refund.objects.get()
    assert (refund.amount, refund.amount_unapplied, refund.reason) == (3750, 3750, "asked the customer")
    tell_refund(refund, refunded(refund))
    assert invoice_of(receipt) == ("paid", 0)
    assert ledger.balances()["clearing:simulated", "EUR"] == 1250
    assert Invoice.objects.get().amount_refunded == 0


def test_returning_gives_all_back_and_leaves_the_invoice_alone() -> None:
    """Its receipt is refunded in the end."""
    receipt = dispose(late_money(1000), "return")
    assert (receipt.status, receipt.amount_refunding) == ("refunding", 1000)
    refund = Refund.objects.get()
    tell_refund(refund, refunded(refund))
    assert (Receipt.objects.get().status, invoice_of(receipt)) == ("refunded", ("open", 1250))


def test_money_whose_refund_failed_is_decided_about_again() -> None:
    """It is unapplied again."""
    receipt = dispose(late_money(1000), "return")
    tell_refund(Refund.objects.get(), Declined(code="lost_card", retryable=False))
    assert dispose(receipt, "apply").amount_applied == 1000


@pytest.mark.parametrize("disposition", ["apply", "split"])
def test_other_currencies_are_not_applied(disposition: str) -> None:
    """They can be given back."""
    receipt = late_money(1250, "USD")
    with pytest.raises(services.NotDisposable, match=r"1250 EUR .* are due"):
        dispose(receipt, disposition)
    assert dispose(receipt, "return").amount_refunding == 1250


@pytest.mark.parametrize("disposition", ["apply", "split"])
def test_nothing_is_applied_while_a_payment_is_live(disposition: str) -> None:
    """It may still pay; giving back is possible."""
    receipt = late_money(1000)
    live = make_payment(invoice=Invoice.objects.get())
    tell_payment(live, Pending("ch_live"))
    with pytest.raises(services.NotDisposable, match="live"):
        dispose(receipt, disposition)
    dispose(receipt, "return")
    assert invoice_of(receipt)[0] == "processing"


def test_money_of_a_voided_invoice_waits_for_staff() -> None:
    """Whoever voids decides about the money too: it is not sent away behind their back. Late money goes by itself."""
    receipt = late_money(1000)
    void_invoice(actor=MERCHANT_KEY, invoice_id=receipt.invoice_id)
    assert Receipt.objects.get().status == "unapplied"
    assert not Refund.objects.exists()
    with pytest.raises(services.NotDisposable, match="0 EUR"):
        dispose(receipt, "apply")
    assert dispose(receipt, "return").status == "refunding"


def test_when_an_invoice_is_paid_so_other_money_goes_back() -> None:
    """Of another attempt; other money of the same payment is left to whoever decides about it."""
    first = late_money(1000)
    invoice = Invoice.objects.get()
    second = make_payment(invoice=invoice)
    tell_payment(second, SOFT)
    tell_payment(second, captured(second, reference="ch_a", amount=5000))
    tell_payment(second, captured(second, reference="ch_b", amount=7))
    chosen = Receipt.objects.get(provider_reference="ch_a")
    dispose(chosen, "split")
    goes = dict(Receipt.objects.values_list("provider_reference", "amount_refunding"))
    assert goes == {first.provider_reference: 1000, "ch_a": 3750, "ch_b": 0}
    dispose(Receipt.objects.get(provider_reference="ch_b"), "return")


def test_what_is_under_dispute_is_not_given_back() -> None:
    """Nor by itself when other money pays; a lost dispute has taken it for good."""
    receipt = late_money(1000)
    payment = receipt.payment
    tell_dispute(payment, "opened", amount=1000)
    with pytest.raises(services.PaymentDisputed):
        dispose(receipt, "return")
    other = make_payment(invoice=Invoice.objects.get())
    tell_payment(other, captured(other))
    assert not Refund.objects.exists()
    tell_dispute(payment, "lost", amount=1000)
    with pytest.raises(services.NotDisposable, match="lost dispute"):
        dispose(receipt, "return")


@pytest.mark.parametrize(("disposition", "applied", "gone"), [("return", 0, 4000), ("split", 1250, 3750)])
def test_of_what_a_lost_dispute_took_a_part_the_rest_is_given_back(disposition: str, applied: int, gone: int) -> None:
    """The payer's bank has given its part back already; what has paid the invoice answers for that first."""
    receipt = late_money(5000)
    for status in ("opened", "lost"):
        tell_dispute(receipt.payment, status, amount=1000)
    receipt = dispose(receipt, disposition)
    assert (receipt.amount_applied, receipt.amount_refunding) == (applied, gone)
    refund = Refund.objects.get()
    services.submit_refund(refund_id=refund.id)
    assert Refund.objects.get().is_live
    tell_refund(refund, refunded(refund))
    left = Receipt.objects.get()
    assert (left.amount_refunded, left.amount_unapplied) == (gone, 5000 - applied - gone)


def test_what_a_lost_dispute_took_stays_unapplied_until_it_is_applied_or_won_after_all() -> None:
    """It is not given back twice; the loss stands in the books, and it may come back."""
    receipt = late_money(1000)
    for status in ("opened", "lost"):
        tell_dispute(receipt.payment, status, amount=1000)
    assert ledger.balances()["dispute_losses", "EUR"] == 1000
    with pytest.raises(services.NotDisposable, match="lost dispute"):
        dispose(receipt, "return")
    tell_dispute(receipt.payment, "won", amount=1000)
    assert dispose(receipt, "return").amount_refunding == 1000


def test_what_a_lost_dispute_took_of_money_that_had_gone_is_not_given_back_either() -> None:
    """The provider gave 900 of 1000 back and lost the dispute over all of it: nothing is left."""
    receipt = late_money(1000)
    payment = receipt.payment
    outcome = captured(payment, reference="rf_1", amount=900)
    assert tell_dashboard_refund(payment, outcome, reference="rf_1", amount=900) == "applied"
    for status in ("opened", "lost"):
        tell_dispute(payment, status, amount=1000)
    with pytest.raises(services.NotDisposable, match="lost dispute"):
        dispose(receipt, "return")


def test_applying_money_says_that_it_ends_the_schedule_of_payments() -> None:
    """In the log, where the schedule was made after the money had come."""
    receipt = late_money(1000)
    second = make_payment(invoice=Invoice.objects.get())
    tell_payment(second, SOFT)
    assert Invoice.objects.get().next_attempt_at is not None
    dispose(receipt, "apply")
    stopped = OutboxEvent.objects.filter(type="payment.retry_stopped", data__payment=second.id)
    assert stopped.get().reason.startswith(receipt.id)


def test_staff_may_let_what_a_lost_dispute_took_pay_the_invoice() -> None:
    """The customer owes no more; the loss is the merchant's, as of money that had paid before."""
    receipt = late_money(1250, due=2000)
    for status in ("opened", "lost"):
        tell_dispute(receipt.payment, status, amount=1250)
    dispose(receipt, "apply")
    assert invoice_of(receipt) == ("open", 750)
    assert (ledger.balances()["dispute_losses", "EUR"], ledger.balances()["clearing:simulated", "EUR"]) == (1250, 0)


def test_what_has_gone_cannot_be_disposed_of() -> None:
    """Nothing is unapplied."""
    receipt = dispose(late_money(1000), "return")
    with pytest.raises(services.NotDisposable, match="nothing of it is unapplied"):
        dispose(receipt, "return")
    with pytest.raises(services.NotDisposable):
        services.check_disposable(receipt)
    with pytest.raises(services.NotDisposable, match=receipt.id):
        dispose(receipt, "keep")


def test_a_receipt_nobody_has_is_not_found() -> None:
    """Text that is no id included."""
    with pytest.raises(services.ReceiptNotFound):
        services.dispose_receipt(actor=MERCHANT_KEY, receipt_id="rct_nonsense", disposition=services.Disposition.RETURN)
