"""Refunds in the admin: one form is one refund, of what is left, in the currency's own units."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from invoices.tests.factories import MERCHANT_KEY, make_invoice
from payments import services
from payments.models import Payment, Refund
from payments.tests.factories import captured, make_key, make_payment, tell_dispute, tell_payment
from tests.invariants import check_invariants
from tests.staff import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief() -> Client:
    """May do everything."""
    return signed_in(is_superuser=True)


def paid(amount: int = 1250, currency: str = "EUR") -> Payment:
    payment = make_payment(invoice=make_invoice(amount=amount, currency=currency))
    tell_payment(payment, captured(payment))
    return Payment.objects.get(pk=payment.pk)


def url(action: str, row: Payment | Refund) -> str:
    return reverse(f"admin:payments_{row._meta.model_name}_{action}", args=[row.pk])


def form_of(client: Client, payment: Payment, **changes: str) -> dict[str, str]:
    """What a browser sends for the opened form, a reason filled in."""
    form = client.get(url("refund", payment)).context["form"]
    return {name: str(form[name].value() or "") for name in form.fields} | {"reason": "it was broken"} | changes


def said(response: Any) -> str:
    *_, message = response.context["messages"]
    return str(message)


def test_the_form_holds_what_is_left_and_refunds_it(chief: Client) -> None:
    """Without anything else to type than the reason."""
    payment = paid()
    services.request_refund(actor=MERCHANT_KEY, payment_id=payment.pk, amount=250, key=make_key())
    form = form_of(chief, payment)
    assert (form["amount"], form["currency"]) == ("10.00", "EUR")
    answer = chief.post(url("refund", payment), form, follow=True)
    refund = Refund.objects.latest("id")
    assert said(answer) == f"Refund {refund.pk} over 10.00 EUR is on its way."
    assert (refund.amount, refund.reason) == (1000, "it was broken")
    check_invariants()


@pytest.mark.parametrize(
    ("currency", "amount", "shown", "typed", "expected"),
    [
        ("EUR", 1250, "12.50", "4.05", 405),
        ("JPY", 1250, "1250", "405", 405),
        ("KWD", 1250, "1.250", "0.405", 405),
        ("EUR", 999_999_999_999, "9999999999.99", "9999999999.99", 999_999_999_999),
    ],
)
def test_amounts_are_written_in_the_currencys_own_units(
    chief: Client, currency: str, amount: int, shown: str, typed: str, expected: int
) -> None:
    """To the minor unit, whatever the exponent."""
    payment = paid(amount, currency)
    form = form_of(chief, payment)
    assert form["amount"] == shown
    chief.post(url("refund", payment), form | {"amount": typed})
    assert Refund.objects.get().amount == expected


def test_scar_saleor_12491_a_double_click_is_one_refund(chief: Client) -> None:
    """The same form again is the same refund; another form is another refund, even over the same amount."""
    payment = paid()
    form = form_of(chief, payment, amount="4.00")
    chief.post(url("refund", payment), form)
    again = chief.post(url("refund", payment), form, follow=True)
    refund = Refund.objects.get()
    assert said(again) == f"This form was sent before: refund {refund.pk} over 4.00 EUR."
    changed = chief.post(url("refund", payment), form | {"amount": "5.00"}, follow=True)
    assert refund.pk in said(changed)
    assert Refund.objects.count() == 1
    chief.post(url("refund", payment), form_of(chief, payment, amount="4.00"))
    assert Refund.objects.count() == 2
    check_invariants()


def test_of_two_opened_forms_over_everything_the_second_is_told_what_is_left(chief: Client) -> None:
    """Two members of staff, one refund."""
    payment = paid()
    first, second = form_of(chief, payment), form_of(chief, payment)
    chief.post(url("refund", payment), first)
    assert "0 EUR (minor units) are left" in said(chief.post(url("refund", payment), second, follow=True))
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("amount", ["", "x", "12.505", "1e99", "NaN", "-0.001", "99999999999999999"])
def test_an_amount_that_is_none_comes_back(chief: Client, amount: str) -> None:
    """With the field named, and nothing done."""
    payment = paid()
    page = chief.post(url("refund", payment), form_of(chief, payment, amount=amount))
    assert page.status_code == 200
    assert page.context["form"].errors["amount"]
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": "12.51"}, "1250 EUR (minor units) are left"),
        ({"amount": "0"}, "over at least 1"),
        ({"amount": "-1"}, "over at least 1"),
        ({"currency": "USD"}, "is in EUR"),
    ],
    ids=str,
)
def test_what_the_service_refuses_is_a_message(chief: Client, changes: dict[str, str], words: str) -> None:
    """With what is left."""
    payment = paid()
    answer = chief.post(url("refund", payment), form_of(chief, payment, **changes), follow=True)
    assert words in said(answer)
    assert not Refund.objects.exists()


def test_what_cannot_be_refunded_is_off_and_says_why(chief: Client) -> None:
    """Not settled, under dispute, or nothing left: no link, no form, a sentence."""
    live, disputed, gone = make_payment(), paid(), paid()
    tell_dispute(disputed, "opened")
    services.request_refund(actor=MERCHANT_KEY, payment_id=gone.pk, key=make_key())
    for payment, words in [
        (live, "Cannot refund payment in created status."),
        (disputed, "is under the dispute dp_"),
        (gone, "0 EUR (minor units) are left to refund."),
    ]:
        page = chief.get(url("change", payment)).content.decode()
        assert "../refund/" not in page
        assert words in page
        asked = chief.get(url("refund", payment)).content.decode()
        assert words in asked
        assert 'name="amount"' not in asked


def test_a_refund_that_a_provider_settles_is_not_settled_by_hand(chief: Client) -> None:
    """Its page says so, and the service refuses whoever knows the address."""
    refund = services.request_refund(actor=MERCHANT_KEY, payment_id=paid().pk, key=make_key()).row
    for action in ("confirm", "fail"):
        assert f"../{action}/" not in chief.get(url("change", refund)).content.decode()
        answer = chief.post(url(action, refund), {"reason": "because"}, follow=True)
        assert "is settled by simulated" in said(answer)
    assert Refund.objects.get().status == "created"
