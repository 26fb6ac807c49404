"""Bank transfers and cash, confirmed or failed by hand."""

import pytest

from config.kernel.errors import ForbiddenTransition
from invoices.ledger import services as ledger
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db


def manual() -> Payment:
    return make_payment(provider="manual", token="")


@pytest.mark.parametrize("sent", [False, True])
def test_confirming_pays_the_invoice_into_the_bank(sent: bool) -> None:
    """Whether a worker has already put it to processing or not."""
    payment = manual()
    if sent:
        services.submit(payment_id=payment.id)
    confirmed = services.confirm_payment(
        actor=MERCHANT_KEY, payment_id=payment.id, reference="RF18", reason="statement 7"
    )
    assert (confirmed.status, confirmed.invoice_id) == ("succeeded", payment.invoice_id)
    assert ledger.balances()["bank", "EUR"] == payment.amount
    event = OutboxEvent.objects.get(type="invoice.paid", aggregate_id=payment.invoice_id)
    assert (event.actor, event.reason) == ("api_key:key_test", "statement 7")
    check_invariants()


@pytest.mark.parametrize(("retryable", "expected"), [(True, "open"), (False, "failed")])
def test_failing_leaves_the_invoice_payable(retryable: bool, expected: str) -> None:
    """The reason is kept in the log."""
    payment = manual()
    services.fail_payment(
        actor=MERCHANT_KEY, payment_id=payment.id, failure_code="not_received", retryable=retryable, reason="30 days"
    )
    fresh = Payment.objects.select_related("invoice").get(id=payment.id)
    assert (fresh.status, fresh.failure_code, fresh.invoice.status) == ("failed", "not_received", expected)
    check_invariants()


def test_what_has_ended_is_neither_confirmed_nor_failed_again() -> None:
    """A forbidden transition, in a sentence."""
    payment = manual()
    services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id)
    with pytest.raises(ForbiddenTransition, match="Cannot confirm payment in succeeded status"):
        services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id)
    with pytest.raises(ForbiddenTransition, match="Cannot fail payment in succeeded status"):
        services.fail_payment(actor=MERCHANT_KEY, payment_id=payment.id, failure_code="x")


def test_a_bank_reference_is_booked_once() -> None:
    """The second payment is told which one has it, and stays as it was."""
    first, second = manual(), manual()
    services.confirm_payment(actor=MERCHANT_KEY, payment_id=first.id, reference="RF18")
    with pytest.raises(services.ReferenceTaken, match=first.id):
        services.confirm_payment(actor=MERCHANT_KEY, payment_id=second.id, reference="RF18")
    assert Payment.objects.get(id=second.id).status == "created"


def test_other_providers_settle_themselves() -> None:
    """Nobody may say by hand that a card was charged."""
    payment = make_payment()
    with pytest.raises(services.NotManual, match="simulated"):
        services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id)
    with pytest.raises(services.NotManual):
        services.fail_payment(actor=MERCHANT_KEY, payment_id=payment.id, failure_code="x")


def test_an_unknown_payment_is_not_found() -> None:
    """Text that is no payment id included."""
    with pytest.raises(services.PaymentNotFound):
        services.confirm_payment(actor=MERCHANT_KEY, payment_id="pay_nonsense")
