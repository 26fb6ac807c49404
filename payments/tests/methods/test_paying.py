"""What invoices are paid with: a token, a customer's payment method by its id, or their default."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.api.idempotency import IdempotencyKey
from config.api.tests.test_problems import assert_problem
from config.kernel import db
from invoices.models import Customer, Invoice
from invoices.services import lock_invoice
from invoices.tests.factories import MERCHANT_KEY, make_customer, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, PaymentMethod
from payments.services import PaymentTerms
from payments.tests.factories import SOFT, make_key, make_method, tell_payment
from payments.tests.patience import wait_for_next_attempt
from payments.tests.simulator import simulated_with
from tests.api import ApiConsumer
from tests.invariants import check_invariants

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("movable_clock")]


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


@pytest.fixture
def customer() -> Customer:
    return make_customer()


@pytest.fixture
def invoice(customer: Customer) -> Invoice:
    return make_invoice(customer_id=customer.id)


def pay(api: ApiConsumer, invoice: Invoice, **body: Any) -> Any:
    return api.post(f"invoices/{invoice.id}/pay", body, key=make_key().digest)


def paid_with(response: Any) -> tuple[str, str, str | None]:
    assert response.status_code == 201, response.content
    shown = response.json()
    return shown["provider"], shown["payment_method"], shown["attached_method"]


def detach(method: PaymentMethod) -> None:
    services.detach_payment_method(actor=MERCHANT_KEY, method_id=method.id)


def test_an_id_is_paid_with_by_its_token(api: ApiConsumer, customer: Customer, invoice: Invoice) -> None:
    """Over both addresses; the payment says which method it was."""
    amex = make_method(customer, token="tok_amex")
    assert paid_with(pay(api, invoice, payment_method=amex.id)) == ("simulated", "tok_amex", amex.id)
    other = make_invoice(customer_id=customer.id)
    response = api.post("payments", {"invoice": other.id, "payment_method": amex.id}, key="k1")
    assert paid_with(response) == ("simulated", "tok_amex", amex.id)
    check_invariants()


def test_without_a_method_it_is_the_default(
    api: ApiConsumer, customer: Customer, invoice: Invoice, settings: LazySettings
) -> None:
    """Before that of the settings, also where another provider is the usual one."""
    settings.DEFAULT_PAYMENT_METHOD = "tok_mastercard"
    make_method(customer)
    amex = make_method(customer, token="tok_amex", default=True)
    assert services.default_payment_method(customer.id) == amex
    settings.DEFAULT_PROVIDER = "manual"
    assert paid_with(pay(api, invoice)) == ("simulated", "tok_amex", amex.id)
    named = make_invoice(customer_id=customer.id)
    assert paid_with(pay(api, named, provider="simulated")) == ("simulated", "tok_amex", amex.id)


def test_a_customer_without_a_default_pays_with_that_of_the_settings(
    api: ApiConsumer, customer: Customer, invoice: Invoice, settings: LazySettings
) -> None:
    """And where there is none, somebody has to say: 422, and nothing is stored."""
    detach(make_method(customer, token="tok_amex"))
    document = assert_problem(pay(api, invoice), 422, "invalid")
    assert [(error["field"], error["code"]) for error in document["errors"]] == [("payment_method", "required")]
    assert not Payment.objects.exists()
    settings.DEFAULT_PAYMENT_METHOD = "tok_mastercard"
    assert paid_with(pay(api, invoice)) == ("simulated", "tok_mastercard", None)


def test_a_token_or_a_bank_transfer_that_is_asked_for_is_what_is_used(api: ApiConsumer, customer: Customer) -> None:
    """Whatever the default is."""
    make_method(customer, token="tok_amex")
    first, second = (make_invoice(customer_id=customer.id) for _ in range(2))
    assert paid_with(pay(api, first, payment_method="tok_visa")) == ("simulated", "tok_visa", None)
    assert paid_with(pay(api, second, provider="manual")) == ("manual", "", None)


def test_a_method_that_is_not_this_customers_is_not_found(
    api: ApiConsumer, customer: Customer, invoice: Invoice
) -> None:
    """Somebody else's, a detached one, nobody's; and any for an invoice without a customer: 422, nothing stored."""
    theirs, gone = make_method(), make_method(customer)
    detach(gone)
    for method_id in (theirs.id, gone.id, "pm_01h455vb4pex5vsknk084sn02q"):
        document = assert_problem(pay(api, invoice, payment_method=method_id), 422, "payment_method_not_found")
        assert document["id"] == method_id
    assert_problem(pay(api, make_invoice(), payment_method=theirs.id), 422, "payment_method_not_found")
    order = {"order_id": "A", "amount": 5, "currency": "EUR", "payment_method": theirs.id}
    assert_problem(api.post("payments", order, key="k1"), 422, "payment_method_not_found")
    assert not Payment.objects.exists()
    assert not Invoice.objects.filter(order_id="A").exists()


def test_a_token_that_only_begins_like_an_id_is_a_token(api: ApiConsumer, invoice: Invoice) -> None:
    """Stripe's tokens do; only what can be an id of ours is one."""
    token = "pm_1MqLiJLkdIwHu7ixUEgbFdYF"
    assert paid_with(pay(api, invoice, payment_method=token)) == ("simulated", token, None)


def test_a_method_is_sent_to_no_other_provider_or_account(
    api: ApiConsumer, customer: Customer, invoice: Invoice
) -> None:
    """422: what was attached elsewhere means nothing, or somebody else, there."""
    method = make_method(customer)
    refused = pay(api, invoice, payment_method=method.id, provider="manual")
    assert_problem(refused, 422, "payment_method_unusable")
    with simulated_with(account="acct_other"):
        assert_problem(pay(api, invoice, payment_method=method.id), 422, "payment_method_unusable")
        assert_problem(pay(api, invoice), 422, "payment_method_unusable")
    assert not Payment.objects.exists()


def test_a_repetition_is_the_same_payment_whatever_became_of_the_method(
    api: ApiConsumer, customer: Customer, invoice: Invoice
) -> None:
    """The default of then, and not of now."""
    method = make_method(customer)
    first = api.post(f"invoices/{invoice.id}/pay", {}, key="k1")
    detach(method)
    again = api.post(f"invoices/{invoice.id}/pay", {}, key="k1")
    assert (first.status_code, again.status_code, again.json()["id"]) == (201, 200, first.json()["id"])


@pytest.mark.usefixtures("movable_clock")
def test_a_declined_payment_is_tried_again_with_the_same_token(
    api: ApiConsumer, customer: Customer, invoice: Invoice
) -> None:
    """Though another is the default by now."""
    visa = make_method(customer)
    payment = Payment.objects.get(id=pay(api, invoice).json()["id"])
    tell_payment(payment, SOFT)
    make_method(customer, token="tok_amex", default=True)
    wait_for_next_attempt(invoice)
    assert services.retry_due() == 1
    again = invoice.payments.get(attempt=2)
    assert (again.payment_method, again.attached_method) == ("tok_visa", visa)
    check_invariants()


def test_once_it_is_detached_the_default_takes_its_place(
    api: ApiConsumer, customer: Customer, invoice: Invoice
) -> None:
    """Whoever removes a card does not want it charged."""
    visa = make_method(customer)
    tell_payment(Payment.objects.get(id=pay(api, invoice).json()["id"]), SOFT)
    amex = make_method(customer, token="tok_amex", default=True)
    detach(visa)
    wait_for_next_attempt(invoice)
    assert services.retry_due() == 1
    assert invoice.payments.get(attempt=2).attached_method == amex


def test_once_nothing_is_left_to_pay_with_no_attempt_is_made(
    api: ApiConsumer, customer: Customer, invoice: Invoice
) -> None:
    """The log says why, and the invoice stays open."""
    visa = make_method(customer)
    tell_payment(Payment.objects.get(id=pay(api, invoice).json()["id"]), SOFT)
    detach(visa)
    wait_for_next_attempt(invoice)
    assert services.retry_due() == 0
    stopped = OutboxEvent.objects.get(type="payment.retry_stopped")
    assert visa.id in stopped.reason
    now = Invoice.objects.get(id=invoice.id)
    assert (now.status, now.next_attempt_at) == ("open", None)
    check_invariants()


@db.transaction(idempotent=False)
def request_payment(invoice: Invoice, terms: PaymentTerms, key: IdempotencyKey | None = None) -> Payment:
    return services.request_payment(
        invoice=lock_invoice(invoice.id), terms=terms, actor=MERCHANT_KEY, key=key, reason="renewal"
    )


def test_the_step_pays_with_the_default(customer: Customer, invoice: Invoice) -> None:
    """As billing does for a subscription's invoice; with a key, what that key has made."""
    method, key = make_method(customer), make_key()
    payment = request_payment(invoice, PaymentTerms(), key)
    assert (payment.attached_method, payment.status, payment.amount) == (method, "created", 1250)
    assert request_payment(invoice, PaymentTerms(), key).id == payment.id
    requested = OutboxEvent.objects.get(type="payment.requested")
    assert requested.reason == "renewal"
    with pytest.raises(services.PaymentAlreadyLive):
        request_payment(invoice, PaymentTerms())


def test_the_step_refuses_what_cannot_be_paid(invoice: Invoice) -> None:
    """Nothing to pay with, or no transaction."""
    with pytest.raises(services.NothingToPayWith) as refused:
        request_payment(invoice, PaymentTerms())
    assert [(error.field, error.code) for error in refused.value.errors] == [("payment_method", "required")]
    with pytest.raises(db.NotInTransaction):
        services.request_payment(invoice=invoice, terms=PaymentTerms(), actor=MERCHANT_KEY, key=None)
    assert not Payment.objects.exists()


def test_a_method_costs_one_statement_and_a_token_none(customer: Customer) -> None:
    """However it is found; an invoice without a customer asks for no default."""
    method = make_method(customer)
    token, by_id, default, nobodys = (
        _statements_of_paying(make_invoice(customer_id=customer_id), terms)
        for customer_id, terms in (
            (customer.id, PaymentTerms(provider="simulated", payment_method="tok_visa")),
            (customer.id, PaymentTerms(payment_method=method.id)),
            (customer.id, PaymentTerms()),
            (None, PaymentTerms(provider="simulated", payment_method="tok_visa")),
        )
    )
    assert (by_id - token, default - token, nobodys - token) == (1, 1, 0)


def _statements_of_paying(invoice: Invoice, terms: PaymentTerms) -> int:
    with CaptureQueriesContext(connection) as captured:
        services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=terms, key=make_key())
    return len(captured)
