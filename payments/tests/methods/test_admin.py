"""Staff looks at payment methods, detaches them and makes them the default, with a reason."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from config.admin import looks
from invoices.tests.factories import make_customer
from outbox.models import OutboxEvent
from payments.models import PaymentMethod
from payments.tests.factories import make_method
from tests.staff import signed_in

pytestmark = pytest.mark.django_db


def url(action: str, method: PaymentMethod) -> str:
    return reverse(f"admin:payments_paymentmethod_{action}", args=[method.pk])


def act(client: Client, action: str, method: PaymentMethod, reason: str = "she called us") -> str:
    answer: Any = client.post(url(action, method), {"reason": reason}, follow=True)
    *_, message = answer.context["messages"]
    return str(message)


@pytest.fixture
def chief() -> Client:
    return signed_in(is_superuser=True)


def test_the_customers_page_shows_what_they_pay_with(chief: Client) -> None:
    """Each leads to its own page."""
    customer = make_customer()
    make_method(customer)
    amex = make_method(customer, token="tok_amex")
    page = chief.get(reverse("admin:invoices_customer_change", args=[customer.pk])).content.decode()
    assert "4242" in page
    assert looks.url_of(amex) in page


def test_staff_makes_another_the_default(chief: Client) -> None:
    """The event names who did it and why."""
    customer = make_customer()
    visa, amex = make_method(customer), make_method(customer, token="tok_amex")
    assert "paid with it" in act(chief, "make_default", amex)
    assert PaymentMethod.objects.get(default_for=customer) == amex
    changed = OutboxEvent.objects.filter(type="payment_method.default_changed").latest("sequence")
    assert (changed.actor.partition(":")[0], changed.reason) == ("staff", "she called us")
    assert changed.data["previous"] == visa.id
    page = chief.get(url("change", amex)).content.decode()
    assert "It is the default already." in page


def test_staff_detaches_one(chief: Client) -> None:
    """Once; after that neither action is possible, and the page says why."""
    method = make_method()
    assert act(chief, "detach", method) == "Nothing new is paid with it."
    assert not PaymentMethod.objects.get().is_attached
    for action in ("detach", "make_default"):
        assert act(chief, action, method) == f"Payment method {method.id} is detached."
    assert OutboxEvent.objects.get(type="payment_method.detached").reason == "she called us"


@pytest.mark.parametrize("action", ["detach", "make_default"])
def test_each_action_needs_its_permission_and_a_reason(action: str) -> None:
    """Seeing payment methods is not enough, and neither is silence."""
    method = make_method()
    viewer = signed_in("view_paymentmethod")
    assert viewer.get(url("change", method)).status_code == 200
    assert viewer.post(url(action, method), {"reason": "to see"}).status_code == 403


@pytest.mark.parametrize("action", ["detach", "make_default"])
def test_an_action_without_a_reason_is_not_done(chief: Client, action: str) -> None:
    """Nor with a card number for one."""
    customer = make_customer()
    make_method(customer)
    method = make_method(customer, token="tok_amex")
    for reason in ("", "card 4242424242424242"):
        assert chief.post(url(action, method), {"reason": reason}).status_code == 200
    method = PaymentMethod.objects.get(id=method.id)
    assert (method.is_attached, method.is_default) == (True, False)
