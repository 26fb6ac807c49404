"""A bank transfer that arrives after its payment failed or was canceled is booked by hand, like other late money."""

from collections.abc import Callable

import pytest

from config.kernel.errors import ForbiddenTransition
from invoices.ledger import services as ledger
from invoices.models import Invoice
from invoices.services import void_invoice
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt, Refund
from payments.tests.factories import HARD, captured, make_payment, make_refund, receipt_of, tell_payment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]
REASON = "statement 2026/47"


def failed(*, retryable: bool = True) -> Payment:
    payment = make_payment(provider="manual", token="")
    services.fail_payment(actor=MERCHANT_KEY, payment_id=payment.id, failure_code="x", retryable=retryable)
    return payment


def canceled() -> Payment:
    payment = make_payment(provider="manual", token="")
    services.cancel_payment(actor=MERCHANT_KEY, payment_id=payment.id)
    return payment


ENDED = pytest.mark.parametrize("ended", [failed, canceled])


def confirm(payment: Payment, reference: str = "RF18") -> Payment:
    return services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id, reference=reference, reason=REASON)


def next_payment(payment: Payment) -> Payment:
    return make_payment(invoice=Invoice.objects.get(id=payment.invoice_id))


def void(payment: Payment) -> None:
    void_invoice(actor=MERCHANT_KEY, invoice_id=payment.invoice_id)


def pay_otherwise(payment: Payment) -> None:
    other = next_payment(payment)
    tell_payment(other, captured(other))


def fail_otherwise(payment: Payment) -> None:
    tell_payment(next_payment(payment), HARD)


def leave_open(payment: Payment) -> None:
    assert Invoice.objects.get(id=payment.invoice_id).status == "open"


@ENDED
@pytest.mark.parametrize(
    ("meanwhile", "invoice", "receipt"),
    [
        (leave_open, "paid", "applied"),
        (fail_otherwise, "paid", "applied"),
        (next_payment, "paid", "applied"),
        (pay_otherwise, "paid", "refunding"),
        (void, "void", "refunding"),
    ],
)
def test_late_money_pays_or_goes_back(
    ended: Callable[[], Payment], meanwhile: Callable[[Payment], object], invoice: str, receipt: str
) -> None:
    """Whatever has become of the invoice; the payment stays as it ended, and the log says who booked it and why."""
    payment = ended()
    meanwhile(payment)
    confirmed = confirm(payment)
    assert confirmed.status == Payment.objects.get(id=payment.id).status == ended.__name__
    booked = Receipt.objects.get(payment=payment)
    assert (booked.status, booked.provider_reference, booked.amount) == (receipt, "RF18", payment.amount)
    assert Invoice.objects.get(id=payment.invoice_id).status == invoice
    event = OutboxEvent.objects.get(type="receipt.created", data__receipt=booked.id)
    assert (event.actor, event.reason) == ("api_key:key_test", REASON)
    assert ledger.balances()["bank", "EUR"] == payment.amount
    assert Refund.objects.count() == (receipt == "refunding")


@ENDED
def test_late_money_waits_while_another_payment_is_on_its_way(ended: Callable[[], Payment]) -> None:
    """That may still bring the money; once it has not, what waited pays."""
    payment = ended()
    other = next_payment(payment)
    services.submit(payment_id=other.id)
    confirm(payment)
    assert receipt_of(payment).status == "unapplied"
    sent = Payment.objects.get(id=other.id)
    tell_payment(sent, HARD, charge_reference=sent.provider_reference)
    assert (receipt_of(payment).status, Invoice.objects.get().status) == ("applied", "paid")


def test_an_unsent_payment_gives_way_to_late_money() -> None:
    """It is canceled, so that nobody pays twice."""
    payment = failed()
    other = next_payment(payment)
    confirm(payment)
    assert Payment.objects.get(id=other.id).status == "canceled"


def test_money_that_goes_back_is_sent_by_staff() -> None:
    """No provider does that: its refund waits for a person, like every manual one."""
    payment = failed()
    void(payment)
    confirm(payment)
    refund = Refund.objects.get()
    services.submit_refund(refund_id=refund.id)
    services.confirm_refund(actor=MERCHANT_KEY, refund_id=refund.id, reference="OUT1")
    assert (Receipt.objects.get().status, ledger.balances()["bank", "EUR"]) == ("refunded", 0)


@ENDED
def test_the_same_money_said_twice_is_booked_once(ended: Callable[[], Payment]) -> None:
    """A client that lost the answer asks again; another reference is other money, which goes back."""
    payment = ended()
    confirm(payment)
    events = OutboxEvent.objects.count()
    assert confirm(payment).id == payment.id
    assert (Receipt.objects.count(), OutboxEvent.objects.count()) == (1, events)
    confirm(payment, "RF19")
    second = Receipt.objects.get(provider_reference="RF19")
    assert (second.status, Refund.objects.get().receipt_id) == ("refunding", second.id)


@ENDED
def test_late_money_without_a_reference_is_refused(ended: Callable[[], Payment]) -> None:
    """A confirmation that lost a race against a failure or a cancel books nothing."""
    payment = ended()
    with pytest.raises(services.LateMoneyUnnamed, match=f"{payment.id} has ended as {ended.__name__}"):
        confirm(payment, "")
    assert not Receipt.objects.exists()


def test_a_reference_that_other_money_has_is_refused() -> None:
    """Another payment's, or that of money of its own that came back."""
    first, second = failed(), failed()
    confirm(first)
    with pytest.raises(services.ReferenceTaken, match=first.id):
        confirm(second)
    void(second)
    confirm(second, "RF19")
    refund = Refund.objects.get(payment=second)
    services.submit_refund(refund_id=refund.id)
    services.confirm_refund(actor=MERCHANT_KEY, refund_id=refund.id, reference="OUT1")
    services.fail_refund(actor=MERCHANT_KEY, refund_id=refund.id, failure_code="returned")
    with pytest.raises(services.ReferenceTaken, match=refund.id):
        confirm(second, refund.id)


@pytest.mark.parametrize("status", ["succeeded", "refunded"])
def test_a_payment_that_has_brought_its_money_is_not_confirmed_again(status: str) -> None:
    """By whatever reference: other money belongs to another payment."""
    payment = make_payment(provider="manual", token="")
    confirm(payment)
    if status == "refunded":
        services.confirm_refund(actor=MERCHANT_KEY, refund_id=make_refund(payment).id)
    with pytest.raises(ForbiddenTransition, match=f"Cannot confirm payment in {status} status"):
        confirm(payment, "RF19")


@ENDED
def test_what_has_ended_without_money_is_not_failed_again(ended: Callable[[], Payment]) -> None:
    """Only money can still come."""
    with pytest.raises(ForbiddenTransition, match=f"Cannot fail payment in {ended.__name__} status"):
        services.fail_payment(actor=MERCHANT_KEY, payment_id=ended().id, failure_code="x")
