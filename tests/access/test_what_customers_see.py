"""What a customer is told, and not told, of what is theirs."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import services as billing
from billing.tests.factories import make_active
from config.api.principals import Principal
from invoices import services as invoices
from invoices.models import Customer
from invoices.tests.factories import make_invoice
from payments import services as payments
from payments.models import Payment
from payments.tests.factories import captured, make_key, make_payment, make_refund, tell_payment
from tests.api import ApiConsumer, SignedIn
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
STAFF = Principal(kind="staff", id="usr_7")


def test_who_did_something_and_why_is_the_merchants_affair() -> None:
    """A customer reads what happened and when; actors, reasons, contents and metadata are for back ends."""
    ada = SignedIn()
    invoice = make_invoice(customer_id=ada.customer_id, metadata={"risk": "high"})
    invoices.void_invoice(actor=STAFF, invoice_id=invoice.id, reason="a fraudster")
    told, known = (who.get(f"invoices/{invoice.id}").json() for who in (ada, ApiConsumer()))
    assert [event["type"] for event in told["events"]] == ["invoice.voided", "invoice.created"]
    for event, whole in zip(told["events"], known["events"], strict=True):
        assert (event["actor"], event["reason"], event["correlation_id"], event["data"]) == ("", "", "", {})
        assert [event[name] for name in ("id", "sequence", "occurred_at")] == [
            whole[name] for name in ("id", "sequence", "occurred_at")
        ]
    assert (told["metadata"], known["metadata"]) == ({}, {"risk": "high"})
    assert told.keys() == known.keys()
    assert known["events"][0]["reason"] == "a fraudster"
    for page in (ada.get("invoices"), ada.get(f"invoices/{invoice.id}")):
        assert b"fraud" not in page.content
        assert b"risk" not in page.content


def test_why_a_payment_or_refund_failed_is_told_by_its_code_alone() -> None:
    """Messages and reasons are written for the merchant, wherever the row is shown."""
    ada = SignedIn()
    payment = make_payment(invoice=make_invoice(customer_id=ada.customer_id))
    tell_payment(payment, captured(payment))
    refund = make_refund(payment)
    Payment.objects.filter(pk=payment.pk).update(failure_message="blocked by our list")
    type(refund).objects.filter(pk=refund.pk).update(reason="bad customer", failure_message="blocked by our list")
    paths = [f"payments/{payment.id}", "payments", f"refunds/{refund.id}", "refunds", f"invoices/{payment.invoice_id}"]
    for path in paths:
        answer = ada.get(path)
        assert answer.status_code == 200
        assert payment.id in answer.content.decode()
        assert b"blocked" not in answer.content
        assert b"bad customer" not in answer.content
        assert b"blocked" in ApiConsumer().get(path).content


def test_why_a_subscription_is_canceled_or_credit_revoked_is_the_merchants_affair() -> None:
    """The list, the page and what is answered to a change say that it is so, and nobody's words."""
    ada = SignedIn()
    subscription = make_active(customer=Customer.objects.get(id=ada.customer_id))
    credit: dict[str, Any] = {"customer_id": ada.customer_id, "amount": 500, "currency": "EUR"}
    invoices.grant_credit(actor=STAFF, reason="a fraudster, but we were wrong once", key=None, **credit)
    invoices.revoke_credit(actor=STAFF, reason="a fraudster", key=None, **credit)
    billing.cancel_subscription(
        actor=STAFF, subscription_id=subscription.id, when=billing.When.PERIOD_END, reason="a fraudster"
    )
    page = f"subscriptions/{subscription.id}"
    for path in (page, "subscriptions", "subscriptions/me", f"customers/{ada.customer_id}/credits"):
        answer = ada.get(path)
        assert answer.status_code == 200
        assert b"fraud" not in answer.content
        if path != "subscriptions/me":
            assert b"fraud" in ApiConsumer().get(path).content
    assert ada.get(page).json()["cancels_at_period_end"]
    changed = ada.request("PATCH", page, {"payment_method": "tok_mastercard"})
    assert changed.status_code == 200
    assert b"fraud" not in changed.content


def test_a_customer_pays_and_cancels_what_is_theirs() -> None:
    """By the invoice's own page and by naming it, once per key; the events say who it was."""
    ada = SignedIn()
    invoice = make_invoice(customer_id=ada.customer_id)
    first = ada.pay(invoice.id, key="k")
    again = ada.pay(invoice.id, key="k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert ada.post(f"payments/{first.json()['id']}/cancel").status_code == 200
    by_name = ada.post("payments", {"invoice": invoice.id, "payment_method": "tok_visa"}, key="l")
    assert by_name.status_code == 201
    actors = {event["actor"] for event in ApiConsumer().get(f"invoices/{invoice.id}").json()["events"][:-1]}
    assert actors == {f"customer:{ada.customer_id}"}
    check_invariants()


def test_a_key_is_its_customers_own() -> None:
    """Two customers and the merchant may use the same one for different things."""
    ada, bob = SignedIn(), SignedIn()
    for who, customer_id in ((ada, ada.customer_id), (bob, bob.customer_id), (ApiConsumer(), None)):
        assert who.pay(make_invoice(customer_id=customer_id).id, key="same").status_code == 201


def test_what_an_order_costs_is_not_for_customers_to_say() -> None:
    """403 with a code, and there is no invoice."""
    ada = SignedIn()
    body = {"order_id": "o-1", "amount": 1, "currency": "EUR", "payment_method": "tok_visa"}
    answer = ada.post("payments", body, key="k")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_for_customers")
    assert ApiConsumer().get("invoices?order_id=o-1").json()["data"] == []


def test_the_services_refuse_too() -> None:
    """Under the lock, whoever forgets to ask before."""
    ada, invoice = SignedIn(), make_invoice()
    actor = Principal(kind="customer", id=ada.customer_id)
    with pytest.raises(invoices.InvoiceNotFound):
        payments.pay_invoice(
            actor=actor, invoice_id=invoice.id, terms=payments.PaymentTerms(provider="manual"), key=make_key()
        )
    payment = make_payment(invoice=invoice)
    with pytest.raises(payments.PaymentNotFound):
        payments.cancel_payment(actor=actor, payment_id=payment.id)
    assert Payment.objects.get().status == "created"


@pytest.mark.parametrize(("path", "statements"), [("invoices", 2), ("payments", 2), ("refunds", 2), ("auth/me", 2)])
def test_asking_as_a_customer_takes_one_statement_more_than_the_answer(path: str, statements: int) -> None:
    """Session and user come together."""
    ada = SignedIn()
    ada.get(path)
    with CaptureQueriesContext(connection) as captured_queries:
        assert ada.get(path).status_code == 200
    assert len(captured_queries) == statements


def test_a_customer_can_be_looked_at_by_themselves_alone() -> None:
    """What the merchant keeps about them stays there; names are changed as their own account's."""
    ada = SignedIn(first_name="Ada", last_name="Lovelace")
    ApiConsumer().request("PATCH", f"customers/{ada.customer_id}", {"metadata": {"risk": "high"}})
    shown = ada.get(f"customers/{ada.customer_id}").json()
    assert (shown["name"], shown["email"], shown["metadata"]) == ("Ada Lovelace", ada.email, {})
    for method, path in (("PATCH", f"customers/{ada.customer_id}"), ("GET", "customers"), ("GET", "events")):
        answer = ada.request(method, path, {"name": "Eve"}, Idempotency_Key=uuid.uuid4().hex)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_for_customers")
