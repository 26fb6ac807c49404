"""The timeline of an invoice and of a payment: everything, in order, at a fixed price, and inert."""

import datetime
import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import User
from config.admin import timeline
from config.api.principals import system
from invoices import services as invoices
from invoices.models import Invoice
from invoices.tests.factories import make_invoice
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.admin.world import chief, decline, dispute, pay, refund
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event, event_about

pytestmark = pytest.mark.django_db


def fresh(invoice: Invoice) -> Invoice:
    return Invoice.objects.get(pk=invoice.pk)


def page_of(row: Invoice | Payment, client: Client | None = None, query: dict[str, str] | None = None) -> Any:
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    response = (client or chief()).get(address, query)
    assert response.status_code == 200
    return response


def shown(row: Invoice | Payment, query: dict[str, str] | None = None) -> list[timeline.Item]:
    return list(page_of(row, query=query).context["timeline"].items)


def test_an_invoice_shows_all_that_happened_in_order() -> None:
    """Attempts, what the provider said, events with who and why, receipts and journals, oldest first."""
    invoice = make_invoice()
    declined = decline(invoice)
    paid = pay(fresh(invoice))
    items = shown(invoice)
    assert [item.at for item in items] == sorted(item.at for item in items)
    titles = [(item.kind, item.title) for item in items]
    for expected in [
        ("Event", "invoice.created"),
        ("Journal", "invoice issued"),
        ("Payment", "Attempt 1 over 12.50 EUR"),
        ("Provider event", "charge.failed"),
        ("Event", "payment.failed"),
        ("Payment", "Attempt 2 over 12.50 EUR"),
        ("Provider event", "charge.succeeded"),
        ("Receipt", "12.50 EUR"),
        ("Journal", "capture"),
        ("Journal", "receipt applied"),
        ("Event", "invoice.paid"),
    ]:
        assert expected in titles, expected
    assert titles.index(("Provider event", "charge.failed")) < titles.index(("Payment", "Attempt 2 over 12.50 EUR"))
    text = page_of(invoice).content.decode()
    for fact in (declined.pk, f"ch_{paid.pk}", "insufficient_funds", "api_key:key_test", "clearing:simulated"):
        assert fact in text, fact


def test_money_that_went_back_is_shown_with_its_journals() -> None:
    """Refunds and disputes on the invoice's page and on the payment's, what is left of the receipt, and the books."""
    paid = pay(make_invoice())
    refund(paid, 1)
    dispute(paid, 1, evidence_due_at="2026-12-24T12:00:00Z")
    dispute(paid, 1, "dispute.lost")
    for row in (paid.invoice, paid):
        found = {(item.kind, item.title): item for item in shown(row)}
        assert dict(found["Receipt", "12.50 EUR"].facts)["gone back"] == "0.01 EUR"
        assert "fraudulent" in [value for _, value in found["Dispute", "0.01 EUR"].facts]
        for expected in [
            ("Refund", "0.01 EUR"),
            ("Event", "refund.succeeded"),
            ("Event", "dispute.opened"),
            ("Provider event", "dispute.lost"),
            ("Journal", "refund"),
            ("Journal", "dispute opened"),
            ("Journal", "dispute lost"),
        ]:
            assert expected in found, expected
        assert "2026-12-24 12:00:00" in page_of(row).content.decode()


def test_the_next_attempt_stands_at_the_end() -> None:
    """What is to come, and only on the page that reaches so far."""
    invoice = make_invoice()
    decline(invoice)
    (*_, last) = shown(fresh(invoice))
    assert (last.kind, last.title, last.at) == ("To come", "Next attempt", fresh(invoice).next_attempt_at)
    assert last.ago.startswith("in ")
    earlier = shown(fresh(invoice), {"until": (last.at - datetime.timedelta(seconds=1)).isoformat()})
    assert "Next attempt" not in [item.title for item in earlier]
    assert "up to 3 tries, 1 min after the first, at most 1 h apart" in page_of(fresh(invoice)).content.decode()


def test_a_payment_shows_its_slice() -> None:
    """Its own attempt, events, receipt and journals; nothing of the other attempt's."""
    invoice = make_invoice()
    declined = decline(invoice)
    paid = pay(fresh(invoice))
    titles = [item.title for item in shown(paid)]
    assert [title for title in titles if title.startswith("Attempt")] == ["Attempt 2 over 12.50 EUR"]
    assert {"payment.requested", "payment.succeeded", "receipt.created", "capture", "charge.succeeded"} <= set(titles)
    assert "charge.failed" not in titles
    assert "invoice issued" not in titles
    assert "receipt.created" not in [item.title for item in shown(declined)]


def statements(row: Invoice | Payment) -> int:
    client = chief()
    page_of(row, client)
    with CaptureQueriesContext(connection) as captured:
        page_of(row, client)
    return len(captured)


def test_an_invoice_takes_fifteen_statements_whatever_its_history() -> None:
    """The same with one attempt and with fifty, and one more for the payment it waits for; a payment's page too."""
    young, old = make_invoice(), make_invoice()
    pay(young)
    for _ in range(49):
        decline(fresh(old))
    paid = pay(fresh(old))
    for number in range(20):
        refund(paid, number)
        dispute(paid, number)
    assert old.payments.count() == 50
    assert statements(young) == statements(old) == 15
    assert statements(make_payment().invoice) == 16
    assert statements(young.payments.get()) == statements(paid) == 18


def long_story(attempts: int) -> Invoice:
    """An invoice with so many failed payments, one a minute, and what the provider said to each."""
    invoice = make_invoice()
    invoice.created_at += datetime.timedelta(days=1)
    payments, said = [], []
    for attempt in range(1, attempts + 1):
        at = invoice.created_at + datetime.timedelta(minutes=attempt)
        of_provider = {"provider": "simulated"}
        payment = Payment(
            invoice=invoice, attempt=attempt, status="failed", amount=1, currency="EUR", created_at=at, **of_provider
        )
        payments.append(payment)
        later = at + datetime.timedelta(seconds=1)
        about = {"event_id": f"evt_{attempt}", "our_reference": payment.pk, "payload": "{}", "received_at": later}
        said.append(ProviderEvent(status="processed", **about, **of_provider))
    Payment.objects.bulk_create(payments)
    ProviderEvent.objects.bulk_create(said)
    return invoice


def test_a_long_history_is_shown_from_its_newest_end() -> None:
    """So many items and no more, with a link that goes on to the older ones, down to the first attempt, and back."""
    invoice = long_story(timeline.SHOWN_ITEMS + 50)
    address = reverse("admin:invoices_invoice_change", args=[invoice.pk])
    client, pages, query = chief(), [], "?"
    while query:
        page: Any = client.get(address + query)
        pages.append(page.context["timeline"])
        assert len(pages[-1].items) <= timeline.SHOWN_ITEMS
        query = pages[-1].older
        assert not query or f'href="{html.escape(query)}#timeline">Go on to older ones' in page.content.decode()
    titles = [item.title for each in pages for item in each.items]
    for attempt in range(1, timeline.SHOWN_ITEMS + 51):
        assert f"Attempt {attempt} over 0.01 EUR" in titles
    events = {item.order for each in pages for item in each.items if item.kind == "Provider event"}
    assert len(events) == timeline.SHOWN_ITEMS + 50
    assert titles.count("invoice.created") == 1
    for page, newer in reversed(list(zip(pages[1:], pages, strict=False))):
        back = client.get(address + page.newer).context["timeline"]
        assert [item.order for item in back.items] == [item.order for item in newer.items]
    assert pages[0].newer == ""


def test_an_older_page_takes_as_many_statements_as_the_newest() -> None:
    """Fifteen."""
    invoice = long_story(timeline.SHOWN_ITEMS)
    client = chief()
    older = {"until": (invoice.created_at + datetime.timedelta(minutes=60)).isoformat()}
    page_of(invoice, client)
    for query in ({}, older):
        with CaptureQueriesContext(connection) as captured:
            page_of(invoice, client, query)
        assert len(captured) == 15


@pytest.mark.parametrize(
    "until", ["", "yesterday", "2026-13-41T00:00", "0001-01-01T00:00:00+14:00", "2026-11-21T09:00:00"]
)
def test_a_moment_that_is_none_shows_the_newest(until: str) -> None:
    """Whoever writes nonsense into the address bar sees a page, also with a moment without a zone."""
    assert page_of(make_invoice(), query={"until": until}).status_code == 200


def test_markup_from_a_provider_is_text() -> None:
    """In the timeline, on the event's page and in lists, whatever the provider put into types, ids and payloads."""
    payment = make_payment()
    script = "<script>alert(1)</script>"
    body = event(script, id=f"evt_{script}", reference=payment.pk, note=f"{script}</pre></details>")
    assert answer_to(body) == "ignored"
    row = ProviderEvent.objects.get()
    client = chief()
    pages = [
        page_of(payment.invoice).content.decode(),
        client.get(reverse("admin:inbound_providerevent_changelist")).content.decode(),
        client.get(reverse("admin:inbound_providerevent_change", args=[row.pk])).content.decode(),
    ]
    for page in pages:
        assert script not in page
        assert html.escape(script) in page
    payloads = re.findall(r'<pre class="q-code">(.*?)</pre>', pages[0], re.DOTALL)
    assert any("&quot;note&quot;" in payload for payload in payloads)


def test_a_long_payload_is_cut_here_and_whole_on_its_page() -> None:
    """A page of two hundred events stays a page."""
    payment = make_payment()
    answer_to(event_about(payment, "charge.pending", note="x" * 6000))
    (item,) = [item for item in shown(payment) if item.kind == "Provider event"]
    assert item.payload_goes_on
    assert len(item.payload) == timeline.PAYLOAD_CHARACTERS
    whole = chief().get(item.href)
    assert "x" * 6000 in whole.content.decode()


def test_staff_is_shown_by_name() -> None:
    """Events know an id; the page says whose it is."""
    invoice = make_invoice()
    client = chief()
    client.post(reverse("admin:invoices_invoice_void", args=[invoice.pk]), {"reason": "typed twice"})
    text = page_of(invoice, client).content.decode()
    assert "chief@example.com (staff:usr_" in text
    assert "typed twice" in text
    assert OutboxEvent.objects.get(type="invoice.voided").reason == "typed twice"


def test_whoever_may_not_see_events_sees_none() -> None:
    """Each source has its permission; the rest of the timeline is there."""
    payment = pay(make_invoice())
    clerk = User.objects.create(email="clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_invoice", "view_payment"]))
    client = Client()
    client.force_login(clerk)
    page = page_of(payment.invoice, client)
    assert {item.kind for item in page.context["timeline"].items} == {"Payment"}


def test_a_foreign_invoice_is_not_in_it() -> None:
    """Two invoices that look alike have nothing in common."""
    one, other = make_invoice(), make_invoice()
    pay(one)
    assert {item.title for item in shown(other)} == {"invoice.created", "invoice issued"}
    invoices.void_invoice(actor=system("tests"), invoice_id=other.pk, reason="a mistake")
    assert "invoice.voided" not in {item.title for item in shown(one)}


def test_until_is_inclusive() -> None:
    """What happened at the moment itself is shown."""
    invoice = make_invoice()
    (created,) = [item.at for item in shown(invoice) if item.title == "invoice.created"]
    assert "invoice.created" in [item.title for item in shown(invoice, {"until": created.isoformat()})]
    earlier = created - datetime.timedelta(seconds=1)
    assert shown(invoice, {"until": earlier.isoformat()}) == []
