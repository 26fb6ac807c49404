"""Staff ends reviews, disposes of money that pays nothing, cancels and asks."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt, Refund
from payments.tests.factories import captured, make_payment, tell_payment
from payments.tests.simulator import connected_simulator
from tests.invariants import check_invariants
from tests.staff import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief() -> Client:
    """May do everything."""
    return signed_in(is_superuser=True)


@pytest.fixture
def review() -> Payment:
    """The provider captured 10.00 EUR of 12.50."""
    payment = make_payment()
    tell_payment(payment, captured(payment, amount=1000))
    return fresh(payment)


def fresh(payment: Payment) -> Payment:
    return Payment.objects.select_related("invoice").get(pk=payment.pk)


def act(client: Client, row: Payment | Receipt, action: str, **answers: str) -> Any:
    """Fill the opened form in as `answers` say, and send it."""
    address = reverse(f"admin:payments_{row._meta.model_name}_{action}", args=[row.pk])
    form = client.get(address).context["form"]
    opened = {name: str(form[name].value() or "") for name in form.fields}
    return client.post(address, opened | {"reason": "as agreed"} | answers, follow=True)


def said(response: Any) -> str:
    *_, message = response.context["messages"]
    return str(message)


@pytest.mark.parametrize(
    ("status", "disposition", "receipt", "invoice"),
    [
        ("succeeded", "apply", "applied", "open"),
        ("succeeded", "keep", "unapplied", "open"),
        ("failed", "return", "refunding", "open"),
        ("succeeded", "split", "applied", "open"),
    ],
)
def test_staff_resolves_a_review(
    chief: Client, review: Payment, status: str, disposition: str, receipt: str, invoice: str
) -> None:
    """The payment ends as staff says, and its money is where staff wants it; the invoice is there to be paid."""
    answer = act(chief, review, "resolve", status=status, disposition=disposition)
    assert said(answer) == f"The payment has {status}."
    assert (fresh(review).status, Receipt.objects.get().status) == (status, receipt)
    assert fresh(review).invoice.status == invoice
    check_invariants()


def test_a_capture_is_booked_with_the_review(chief: Client, review: Payment) -> None:
    """In the currency's own units; what the provider holds beyond what it told."""
    capture = {"reference": "ch_more", "amount": "2.50", "currency": "EUR"}
    act(chief, review, "resolve", status="succeeded", disposition="apply", **capture)
    assert sorted(Receipt.objects.values_list("amount", "status")) == [(250, "applied"), (1000, "applied")]
    assert fresh(review).invoice.status == "paid"
    check_invariants()


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({}, "status"),
        ({"status": "refunded"}, "status"),
        ({"status": "failed", "disposition": ""}, "disposition"),
        ({"status": "failed", "reference": "ch_1"}, "__all__"),
        ({"status": "failed", "amount": "1.00"}, "__all__"),
        ({"status": "failed", "reference": "ch_1", "amount": "1.00", "currency": ""}, "__all__"),
        ({"status": "failed", "reference": "ch_1", "amount": "1.00", "currency": "EURO"}, "currency"),
        ({"status": "failed", "reference": "ch_1", "amount": "1.00", "currency": "XXX"}, "currency"),
        ({"status": "failed", "reference": "ch_1", "amount": "1.005"}, "amount"),
        ({"status": "failed", "reference": "4242 4242 4242 4242", "amount": "1.00"}, "reference"),
    ],
    ids=str,
)
def test_a_form_that_is_not_filled_in_comes_back(
    chief: Client, review: Payment, answers: dict[str, str], field: str
) -> None:
    """Nothing is decided by what stood there first."""
    page = act(chief, review, "resolve", **answers)
    assert page.context["form"].errors[field]
    assert "4242 4242" not in page.content.decode()
    assert fresh(review).status == "review"


def test_a_capture_of_no_money_is_a_message(chief: Client, review: Payment) -> None:
    """The service names what is wrong, and nothing has happened."""
    capture = {"reference": "ch_more", "amount": "0", "currency": "EUR"}
    assert said(act(chief, review, "resolve", status="succeeded", disposition="apply", **capture))
    assert fresh(review).status == "review"


def test_staff_gives_back_money_that_pays_nothing(chief: Client, review: Payment) -> None:
    """Over the receipt's page; then nothing of it is left to be decided."""
    receipt = Receipt.objects.get()
    page = act(chief, receipt, "dispose")
    assert page.context["form"].errors["disposition"]
    assert said(act(chief, receipt, "dispose", disposition="apply")).startswith("Cannot dispose of the money of")
    act(chief, receipt, "dispose", disposition="return")
    refund = Refund.objects.get()
    assert (refund.amount, refund.amount_unapplied, refund.reason) == (1000, 1000, "as agreed")
    shown = chief.get(reverse("admin:payments_receipt_change", args=[receipt.pk])).content.decode()
    assert "nothing of it is unapplied" in shown
    check_invariants()


def test_staff_cancels_a_payment_nobody_has_sent(chief: Client) -> None:
    """At once; the invoice is open."""
    payment = make_payment()
    assert said(act(chief, payment, "cancel")) == "It is canceled; the invoice can be paid again."
    assert (fresh(payment).status, Invoice.objects.get().status) == ("canceled", "open")
    assert OutboxEvent.objects.get(type="payment.canceled").reason == "as agreed"
    check_invariants()


@pytest.mark.django_db(transaction=True)
def test_staff_has_the_provider_cancel_and_tell(chief: Client) -> None:
    """It is asked to, then asked at once how it stands; the second time there is nothing to ask."""
    payment = make_payment(token="tok_pending")
    with connected_simulator():
        services.submit(payment_id=payment.pk)
        assert said(act(chief, payment, "reconcile")) == "The provider was asked, and has told nothing new."
        assert said(act(chief, payment, "cancel")) == "The provider is asked to cancel it, and decides."
        assert fresh(payment).cancel_requested_at is not None
        assert said(act(chief, payment, "reconcile")) == "The provider was asked; what it said is in the timeline."
    assert fresh(payment).status == "canceled"
    page = chief.get(reverse("admin:payments_payment_change", args=[payment.pk])).content.decode()
    assert "Cannot reconcile payment in canceled status." in page
    check_invariants()


def test_what_is_possible_stands_before_what_is_not(chief: Client, review: Payment) -> None:
    """The one thing to do about a review is the first button."""
    page = chief.get(reverse("admin:payments_payment_change", args=[review.pk]))
    offered = [each["action"].name for each in page.context["reasoned_actions"] if not each["refusal"]]
    assert offered == ["resolve"]
    assert page.context["reasoned_actions"][0]["action"].name == "resolve"
