"""What staff does to invoices: voided and paid again, once, with a reason, by whom it is allowed."""

import re
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from billing.models import User
from config.admin.filters import SEARCHED_ROWS
from config.admin.paginator import COUNTED_ROWS
from config.kernel.errors import Unavailable
from invoices.models import Entry, Invoice
from invoices.tests.factories import make_invoice
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.tests.factories import make_method, make_payment
from tests.admin.world import chief, decline, pay
from tests.faults import deadlock_at
from tests.invariants import check_invariants
from webhooks.inbound.tests.sending import answer_to, event_about

pytestmark = pytest.mark.django_db
ACTIONS = ["void", "pay"]
CARD = "4242 4242 4242 4242"


def url(action: str, invoice: Invoice) -> str:
    return reverse(f"admin:invoices_invoice_{action}", args=[invoice.pk])


def page_of(client: Client, invoice: Invoice) -> str:
    return client.get(url("change", invoice)).content.decode()


def status(invoice: Invoice) -> str:
    return str(Invoice.objects.get(pk=invoice.pk).status)


def form_of(client: Client, invoice: Invoice) -> dict[str, str]:
    """What a browser sends for the opened form, a reason and, where there was none, a token filled in."""
    form = client.get(url("pay", invoice)).context["form"]
    opened = {name: str(form[name].value() or "") for name in form.fields}
    return opened | {
        "reason": "the card is good again",
        "payment_method": opened["payment_method"] or "tok_visa",
    }


def said(response: Any) -> str:
    *_, message = response.context["messages"]
    return str(message)


def test_staff_voids_an_invoice() -> None:
    """It is void, and the event says who and why."""
    invoice, client = make_invoice(), chief()
    assert 'href="../void/"' in page_of(client, invoice)
    answer = client.post(url("void", invoice), {"reason": "typed twice"}, follow=True)
    assert said(answer) == "Nobody owes it any more."
    event = OutboxEvent.objects.get(type="invoice.voided")
    assert (event.actor, event.reason) == (f"staff:{User.objects.get().pk}", "typed twice")
    assert status(invoice) == "void"
    check_invariants()


def test_staff_has_an_invoice_paid_again_with_the_method_of_the_latest_payment() -> None:
    """A new attempt, asked for by staff with a reason."""
    invoice, client = make_invoice(), chief()
    decline(invoice, "stolen_card")
    assert status(invoice) == "failed"
    answer = client.post(url("pay", invoice), form_of(client, invoice), follow=True)
    second = Payment.objects.get(invoice=invoice, attempt=2)
    assert said(answer) == f"Payment {second.pk} is on its way: attempt 2."
    assert (second.payment_method, second.provider, second.amount) == ("tok_visa", "simulated", 1250)
    for kind in ("payment.requested", "invoice.processing"):
        event = OutboxEvent.objects.filter(type=kind).latest("sequence")
        assert (event.actor, event.reason) == (f"staff:{User.objects.get().pk}", "the card is good again")
    check_invariants()


def test_scar_saleor_14926_a_refresh_pays_once() -> None:
    """The same form sent again is the same payment, also when that one has ended meanwhile."""
    invoice, client = make_invoice(), chief()
    form = form_of(client, invoice)
    client.post(url("pay", invoice), form)
    again = client.post(url("pay", invoice), form, follow=True)
    payment = Payment.objects.get()
    assert said(again) == f"This form was sent before: payment {payment.pk}, attempt 1."
    assert client.post(url("pay", invoice), form | {"provider": "manual"}, follow=True).status_code == 200
    assert Payment.objects.count() == 1


def test_a_form_sent_again_after_its_payment_was_declined_pays_once() -> None:
    """The browser's memory of a form is not a wish to pay again."""
    invoice, client = make_invoice(), chief()
    form = form_of(client, invoice)
    client.post(url("pay", invoice), form)
    answer_to(event_about(Payment.objects.get(), "charge.failed", failure_code="insufficient_funds"))
    assert status(invoice) == "open"
    client.post(url("pay", invoice), form)
    assert Payment.objects.count() == 1


def test_scar_saleor_12491_of_two_staff_the_second_is_told_which_payment_there_is() -> None:
    """Two opened forms, one payment."""
    invoice, client = make_invoice(), chief()
    first, second = form_of(client, invoice), form_of(client, invoice)
    assert first["key"] != second["key"]
    client.post(url("pay", invoice), first)
    answer = client.post(url("pay", invoice), second, follow=True)
    assert f"payment {Payment.objects.get().pk} is still live" in said(answer)


def test_what_is_not_possible_is_off_and_says_why() -> None:
    """No link, a sentence; the action's own page says it too and has no form."""
    client = chief()
    live, paid = make_invoice(), make_invoice()
    make_payment(invoice=live)
    pay(paid)
    for invoice, action, words in [
        (live, "void", "is under way: it has to end first."),
        (live, "pay", "is under way: it has to end first."),
        (paid, "void", "Not possible: the invoice is paid."),
        (paid, "pay", "Not possible: the invoice is paid."),
    ]:
        assert f"../{action}/" not in page_of(client, invoice)
        assert words in page_of(client, invoice)
        asked = client.get(url(action, invoice)).content.decode()
        assert words in asked
        assert 'name="reason"' not in asked


def test_an_invoice_leads_to_the_payment_that_has_to_end_first() -> None:
    """Its address stands where the buttons are off."""
    payment = make_payment()
    address = reverse("admin:payments_payment_change", args=[quote(payment.pk)])
    (actions,) = re.findall('<section class="q-actions".*?</section>', page_of(chief(), payment.invoice), re.DOTALL)
    assert actions.count(f'<a class="q-link" href="{address}">{payment}</a> is under way') == 2


@pytest.mark.parametrize("action", ACTIONS)
def test_a_refusal_of_the_service_is_a_message(action: str) -> None:
    """Somebody else was faster: what the service says, and nothing changed."""
    invoice, client = make_invoice(), chief()
    form = form_of(client, invoice)
    pay(invoice)
    before = OutboxEvent.objects.count()
    answer = client.post(url(action, invoice), form, follow=True)
    assert "in paid status" in said(answer)
    assert OutboxEvent.objects.count() == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, f"customer paid with {CARD}"])
def test_a_reason_is_required_and_holds_no_card_number(action: str, reason: str) -> None:
    """The form comes back as it was sent, with the number masked, and nothing has happened."""
    invoice, client = make_invoice(), chief()
    form = form_of(client, invoice) | {"reason": reason}
    page = client.post(url(action, invoice), form)
    assert page.context["form"].errors["reason"]
    assert CARD not in page.content.decode()
    assert status(invoice) == "open"
    if action == "pay":
        assert page.context["form"]["key"].value() == form["key"]


def test_the_form_pays_with_the_customers_payment_method() -> None:
    """With the one of the latest payment, with the default, or with nothing, which is refused in words."""
    client, method = chief(), make_method()
    for payment_method in (method.id, ""):
        invoice = make_invoice(customer_id=method.customer_id)
        client.post(url("pay", invoice), form_of(client, invoice) | {"payment_method": payment_method})
        payment = Payment.objects.get(invoice=invoice)
        assert payment.attached_method == method
        answer_to(event_about(payment, "charge.failed", failure_code="insufficient_funds"))
        assert form_of(client, invoice)["payment_method"] == method.id
    invoice = make_invoice()
    refused = client.post(url("pay", invoice), form_of(client, invoice) | {"payment_method": ""}, follow=True)
    assert said(refused).startswith("Send a token of the provider")
    assert status(invoice) == "open"


def test_a_card_number_is_no_payment_method() -> None:
    """Refused and masked."""
    invoice, client = make_invoice(), chief()
    page = client.post(url("pay", invoice), form_of(client, invoice) | {"payment_method": CARD})
    assert page.context["form"].errors["payment_method"]
    assert CARD not in page.content.decode()
    assert Payment.objects.count() == 0


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_needs_its_own_permission(action: str) -> None:
    """Without it there is no button, and the address refuses; signed out, it asks to sign in."""
    invoice = make_invoice()
    form = form_of(chief(), invoice)
    (other,) = set(ACTIONS) - {action}
    clerk = User.objects.create(email="clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_invoice", f"{other}_invoice"]))
    client = Client()
    client.force_login(clerk)
    assert f"../{other}/" in page_of(client, invoice)
    assert f"../{action}/" not in page_of(client, invoice)
    assert client.post(url(action, invoice), form).status_code == 403
    assert Client().post(url(action, invoice), form).status_code == 302
    assert status(invoice) == "open"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_form_of_another_site_does_nothing(action: str) -> None:
    """Without the CSRF token the answer is a page that says what to do."""
    invoice = make_invoice()
    form = form_of(chief(), invoice)
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get())
    page = client.post(url(action, invoice), form)
    assert page.status_code == 403
    assert "Nothing was done" in page.content.decode()
    assert status(invoice) == "open"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_database_that_stays_busy_is_a_message(action: str) -> None:
    """The service retries outside the admin's own transaction, then staff is told to try again; nothing is stored."""
    invoice, client = make_invoice(), chief()
    form = form_of(client, invoice)
    with deadlock_at(1, times=None) as faults:
        answer = client.post(url(action, invoice), form)
    assert faults.faults == 5
    assert answer.status_code == 302
    assert Unavailable().detail in page_of(client, invoice)
    assert status(invoice) == "open"


def test_a_trial_balance_adds_up() -> None:
    """Per account and currency, debits and credits, and the sums that must be equal; links lead to the entries."""
    client = chief()
    assert "Nothing is in the books" in client.get("/admin/invoices/entry/trial-balance/").content.decode()
    pay(make_invoice())
    make_invoice(amount=9900, currency="JPY")
    page = client.get("/admin/invoices/entry/trial-balance/")
    rows = {(c.code, row.account): (row.debits, row.credits, row.balance)
            for c in page.context["currencies"] for row in c.rows}  # fmt: skip
    assert rows == {
        ("EUR", "clearing:simulated"): ("12.50", "0.00", "12.50"),
        ("EUR", "receivable"): ("12.50", "12.50", "0.00"),
        ("EUR", "revenue"): ("0.00", "12.50", "-12.50"),
        ("EUR", "unapplied"): ("12.50", "12.50", "0.00"),
        ("JPY", "receivable"): ("9,900", "0", "9,900"),
        ("JPY", "revenue"): ("0", "9,900", "-9,900"),
    }
    assert [(c.code, c.total.debits, c.total.credits, c.is_balanced) for c in page.context["currencies"]] == [
        ("EUR", "37.50", "37.50", True), ("JPY", "9,900", "9,900", True),
    ]  # fmt: skip
    (link,) = re.findall(r'href="([^"]*\?account=revenue[^"]*JPY)"', page.content.decode())
    entries = client.get(link)
    assert [str(entry) for entry in entries.context["cl"].result_list] == ["revenue -9900 JPY"]


def test_an_account_is_listed_to_its_first_entry() -> None:
    """However many rows of other accounts are newer: nothing of it is out of reach."""
    payment = pay(make_invoice())
    journal = payment.invoice.journals.order_by("pk")[0]
    common = {"journal": journal, "currency": "EUR"}
    newer = [*["revenue"] * (COUNTED_ROWS + 2), *["receivable"] * SEARCHED_ROWS]
    Entry.objects.bulk_create([Entry(account=account, amount=1, **common) for account in newer])
    client, seen = chief(), []
    query = "?account=revenue+EUR"
    while query:
        page: Any = client.get(reverse("admin:invoices_entry_changelist") + query).context["cl"]
        for number in page.paginator.page_range:
            seen += [entry.pk for entry in page.paginator.page(number)]
        query = page.older
    assert seen == list(Entry.objects.filter(account="revenue").order_by("-pk").values_list("pk", flat=True))
    assert len(seen) == COUNTED_ROWS + 3
    (filter_,) = page.filter_specs
    assert [value for value, _ in filter_.lookup_choices] == [
        "clearing:simulated EUR", "receivable EUR", "revenue EUR", "unapplied EUR",
    ]  # fmt: skip


def test_the_trial_balance_needs_a_permission() -> None:
    """The one to see entries."""
    clerk = User.objects.create(email="clerk@example.com", is_staff=True)
    client = Client()
    client.force_login(clerk)
    assert client.get("/admin/invoices/entry/trial-balance/").status_code == 403
