"""Payments in the admin: staff says how manual ones ended, once, with a reason, where it is allowed."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from invoices.ledger import services as ledger
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt
from payments.tests.factories import make_payment
from tests.invariants import check_invariants
from tests.staff import signed_in

pytestmark = pytest.mark.django_db
ACTIONS = ["confirm", "fail"]
CARD = "4242 4242 4242 4242"


@pytest.fixture
def chief() -> Client:
    """May do everything."""
    return signed_in(is_superuser=True)


@pytest.fixture
def manual() -> Payment:
    """A bank transfer that is waited for."""
    payment = make_payment(provider="manual", token="")
    services.submit(payment_id=payment.pk)
    return fresh(payment)


def fresh(payment: Payment) -> Payment:
    return Payment.objects.select_related("invoice").get(pk=payment.pk)


def url(action: str, payment: Payment) -> str:
    return reverse(f"admin:payments_payment_{action}", args=[payment.pk])


def page_of(client: Client, payment: Payment) -> str:
    return client.get(url("change", payment)).content.decode()


def said(response: Any) -> str:
    *_, message = response.context["messages"]
    return str(message)


def state(payment: Payment) -> tuple[str, str, int]:
    """All that an action may change."""
    return fresh(payment).status, fresh(payment).invoice.status, OutboxEvent.objects.count()


def actor() -> str:
    return f"staff:{get_user_model().objects.get().pk}"


@pytest.mark.parametrize("sent", [False, True])
def test_staff_confirms_a_manual_payment(chief: Client, sent: bool) -> None:
    """The invoice is paid and the money booked under the bank's reference, whether a worker had it before or not."""
    payment = make_payment(provider="manual", token="")
    if sent:
        services.submit(payment_id=payment.pk)
    assert 'href="../confirm/"' in page_of(chief, payment)
    assert 'name="reference"' in chief.get(url("confirm", payment)).content.decode()
    sent_form = {"reference": "RF18539007547034", "reason": "statement 2026/47"}
    answer = chief.post(url("confirm", payment), sent_form, follow=True)
    assert said(answer) == "The money is booked."
    assert (fresh(payment).status, fresh(payment).invoice.status) == ("succeeded", "paid")
    assert Receipt.objects.get().provider_reference == "RF18539007547034"
    assert ledger.balances()["bank", "EUR"] == payment.amount
    for kind in ("payment.succeeded", "receipt.created", "invoice.paid"):
        event = OutboxEvent.objects.get(type=kind)
        assert (event.actor, event.reason) == (actor(), "statement 2026/47"), kind
    check_invariants()


@pytest.mark.parametrize(("retryable", "expected"), [("on", "open"), (None, "failed")])
def test_staff_fails_a_manual_payment(chief: Client, manual: Payment, retryable: str | None, expected: str) -> None:
    """The invoice is open again, or failed where staff expects no other payment; the reason is kept."""
    assert 'href="../fail/"' in page_of(chief, manual)
    assert chief.get(url("fail", manual)).context["form"]["retryable"].value() is True
    form = {"reason": "the customer withdrew it"} | ({"retryable": retryable} if retryable else {})
    assert said(chief.post(url("fail", manual), form, follow=True)) == "The payment has failed."
    payment = fresh(manual)
    assert (payment.status, payment.invoice.status) == ("failed", expected)
    assert (payment.failure_code, payment.failure_message) == ("not_received", "the customer withdrew it")
    event = OutboxEvent.objects.get(type="payment.failed")
    assert (event.actor, event.reason) == (actor(), "the customer withdrew it")
    check_invariants()


def test_what_staff_had_paid_by_hand_staff_can_confirm(chief: Client) -> None:
    """From "Pay again" on the invoice, over the payment it leads to, to a paid invoice."""
    first = make_payment(provider="manual", token="")
    services.fail_payment(actor=MERCHANT_KEY, payment_id=first.pk, failure_code="not_received", retryable=False)
    address = reverse("admin:invoices_invoice_pay", args=[first.invoice_id])
    form = chief.get(address).context["form"]
    chief.post(address, {name: form[name].value() or "" for name in form.fields} | {"reason": "it comes by bank"})
    second = Payment.objects.get(attempt=2)
    invoice_page = chief.get(reverse("admin:invoices_invoice_change", args=[first.invoice_id])).content.decode()
    assert f"{second}</a> is under way" in invoice_page
    chief.post(url("confirm", second), {"reason": "it is there"})
    assert Invoice.objects.get().status == "paid"
    check_invariants()


@pytest.mark.parametrize("action", ACTIONS)
def test_what_a_provider_settles_is_not_settled_by_hand(chief: Client, action: str) -> None:
    """No button, a sentence; and the service refuses whoever knows the address."""
    payment = make_payment()
    before = state(payment)
    words = "is settled by simulated; only manual payments are confirmed or failed by hand."
    assert f"../{action}/" not in page_of(chief, payment)
    assert words in page_of(chief, payment)
    asked = chief.get(url(action, payment)).content.decode()
    assert words in asked
    assert 'name="reason"' not in asked
    assert words in said(chief.post(url(action, payment), {"reason": "because"}, follow=True))
    assert state(payment) == before


@pytest.mark.parametrize(("ended", "action"), [("confirm", "confirm"), ("confirm", "fail"), ("fail", "fail")])
def test_what_has_ended_is_not_settled_again(chief: Client, manual: Payment, ended: str, action: str) -> None:
    """Sent twice, or after the other one: a message, and nothing has changed."""
    chief.post(url(ended, manual), {"reason": "the first time"})
    before = state(manual)
    words = f"Cannot {action} payment in {before[0]} status."
    assert before[0] != "processing"
    assert f"../{action}/" not in page_of(chief, manual)
    assert words in page_of(chief, manual)
    assert said(chief.post(url(action, manual), {"reason": "the second time"}, follow=True)) == words
    assert state(manual) == before
    check_invariants()


def test_late_money_of_a_failed_payment_is_booked_by_its_reference(chief: Client, manual: Payment) -> None:
    """Without one the message says so, and nothing has changed; with it the invoice is paid, the payment as it was."""
    chief.post(url("fail", manual), {"retryable": "on", "reason": "30 days"})
    assert 'href="../confirm/"' in page_of(chief, manual)
    before = state(manual)
    assert "its own reference only" in said(chief.post(url("confirm", manual), {"reason": "it is there"}, follow=True))
    assert state(manual) == before
    answer = chief.post(url("confirm", manual), {"reference": "RF18", "reason": "it is there"}, follow=True)
    assert said(answer).startswith("The late money is booked")
    assert state(manual)[:2] == ("failed", "paid")
    event = OutboxEvent.objects.get(type="receipt.created")
    assert (event.actor, event.reason) == (actor(), "it is there")
    check_invariants()


def test_a_bank_reference_is_booked_once(chief: Client, manual: Payment) -> None:
    """The message says which payment has it; this one stays as it was."""
    other = make_payment(provider="manual", token="")
    chief.post(url("confirm", other), {"reference": "RF18", "reason": "statement 7"})
    before = state(manual)
    answer = chief.post(url("confirm", manual), {"reference": "RF18", "reason": "statement 7"}, follow=True)
    assert f"has already been booked for payment {other.pk}" in said(answer)
    assert state(manual) == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, f"customer paid with {CARD}"])
def test_a_reason_is_required_and_holds_no_card_number(
    chief: Client, manual: Payment, action: str, reason: str
) -> None:
    """The form comes back, with the number masked, and nothing has happened."""
    before = state(manual)
    page = chief.post(url(action, manual), {"reason": reason})
    assert page.status_code == 200
    assert page.context["form"].errors["reason"]
    assert CARD not in page.content.decode()
    assert state(manual) == before


def test_a_card_number_is_no_reference(chief: Client, manual: Payment) -> None:
    """Refused and masked."""
    page = chief.post(url("confirm", manual), {"reference": CARD, "reason": "statement 7"})
    assert page.context["form"].errors["reference"]
    assert CARD not in page.content.decode()
    assert fresh(manual).status == "processing"


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_needs_its_own_permission(manual: Payment, action: str) -> None:
    """Without it there is no button, and the address refuses; signed out, it asks to sign in."""
    (other,) = set(ACTIONS) - {action}
    client = signed_in("view_payment", f"{other}_payment")
    page = page_of(client, manual)
    assert f"../{other}/" in page
    assert f"../{action}/" not in page
    before = state(manual)
    assert client.post(url(action, manual), {"reason": "because"}).status_code == 403
    assert Client().post(url(action, manual), {"reason": "because"}).status_code == 302
    assert state(manual) == before
    assert client.post(url(other, manual), {"reason": "because"}).status_code == 302
    assert state(manual) != before


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_on_nothing_is_404(chief: Client, action: str) -> None:
    """Whatever the id looks like."""
    for id in ("nonsense", "pay_01h455vb4pex5vsknk084sn02q", "inv_01h455vb4pex5vsknk084sn02q"):
        assert chief.post(f"/admin/payments/payment/{id}/{action}/", {"reason": "because"}).status_code == 404
