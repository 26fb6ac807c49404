"""The first page: what waits for a person, and the box that finds anything."""

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import User
from config.kernel import clock
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY, make_customer, make_invoice
from outbox import services as outbox
from outbox.models import HeldEvent, OutboxEvent
from payments import services as payments
from payments.models import Payment, Receipt, Refund
from payments.tests.factories import make_key, make_payment
from payments.tests.simulator import simulated_with
from tests.admin.world import SOMEBODY, chief, decline, delivery, dispute, endpoint, pay
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event, event_about, send
from webhooks.outbound import services as webhooks
from webhooks.outbound.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db


def tiles(client: Client) -> dict[str, Any]:
    return {tile.title: tile for tile in client.get("/admin/").context["tiles"]}


def test_the_first_page_counts_what_needs_attention() -> None:
    """Nothing at first; then each trouble on its tile, which leads to the list of exactly that."""
    client = chief()
    assert {tile.count.number for tile in tiles(client).values()} == {0}
    make_trouble()
    seen = tiles(client)
    assert {title: str(tile.count) for title, tile in seen.items()} == {
        "Payments in review": "1",
        "Transfers to confirm": "1",
        "Payments unknown": "0",
        "Unapplied money": "1",
        "Refunds that wait for staff": "1",
        "Refunds unknown": "2",
        "Open disputes": "1",
        "Differences": "0",
        "Dead provider events": "1",
        "Parked provider events": "1",
        "Provider events to retry": "0",
        "Held events that wait for staff": "0",
        "Held events": "9",
        "Undelivered events": "9",
        "Dead deliveries": "1",
        "Failing webhook endpoints": "1",
        "Disabled webhook endpoints": "1",
        "Failed invoices": "1",
        "Overdue retries": "1",
        "Past due subscriptions": "0",
        "Unpaid subscriptions": "0",
        "Overdue renewals": "0",
    }
    assert seen["Open disputes"].detail == "evidence due in 29 d"
    assert seen["Overdue retries"].detail == "oldest 2 min"
    for title, tile in seen.items():
        if title != "Undelivered events":
            listed = client.get(tile.url).context["cl"]
            assert listed.result_count == tile.count.number, title


def make_trouble() -> None:
    """One of most kinds."""
    review = make_payment()
    answer_to(event_about(review, amount=1))
    payments.submit(payment_id=make_payment(provider="manual").id)
    answer_to(event_about(make_payment(), "charge.pending"))
    send(b"garbage")
    answer_to(event("charge.succeeded", charge="ch_7", amount=1, currency="EUR"))
    decline(make_invoice(), "stolen_card")
    paid = pay(make_invoice())
    dispute(pay(make_invoice()), 1, evidence_due_at=(clock.now() + datetime.timedelta(days=29.5)).isoformat())
    make_lost_refunds(paid)
    make_lost_deliveries()
    late = decline(make_invoice()).invoice
    Invoice.objects.filter(pk=late.pk).update(next_attempt_at=clock.now() - datetime.timedelta(seconds=150))
    outbox.drain()


def make_lost_deliveries() -> None:
    """One that is dead, with its endpoint; and an endpoint that fails."""
    dead, failing = delivery(), endpoint()
    webhooks.disable(actor=SOMEBODY, endpoint_id=dead.endpoint_id)
    Delivery.objects.filter(pk=dead.pk).update(status="dead", available_at=None)
    Endpoint.objects.filter(pk__in=[failing.pk, dead.endpoint_id]).update(failing_since=clock.now())


def make_lost_refunds(payment: Payment) -> None:
    """Two refunds that nobody knows the end of; about one nobody is asked any more."""
    lost = [
        payments.request_refund(actor=MERCHANT_KEY, payment_id=payment.pk, amount=1, key=make_key()).row
        for _ in range(2)
    ]
    with simulated_with(base_url="http://127.0.0.1:9"):
        for refund in lost:
            payments.submit_refund(refund_id=refund.pk)
    Refund.objects.filter(pk=lost[0].pk).update(available_at=None)


def test_the_first_page_tells_of_given_up_events_and_of_a_late_relay(settings: Any) -> None:
    """Those that wait for staff are counted apart, and what nobody has delivered with the age of the oldest."""
    settings.OUTBOX_HELD_ATTEMPTS = 1
    pay(make_invoice())
    outbox.drain()
    seen = tiles(chief())
    assert seen["Held events that wait for staff"].count.number == 1
    assert str(seen["Undelivered events"].count) == "1"
    assert seen["Undelivered events"].detail.startswith("refuser, oldest ")
    for _ in range(2):
        make_invoice()
    seen = tiles(chief())
    assert seen["Undelivered events"].detail.startswith("refuser")


def test_somebody_sees_only_the_tiles_of_what_they_may_see() -> None:
    """And without any permission a sentence."""
    clerk = User.objects.create(email="clerk@example.com", is_staff=True)
    client = Client()
    client.force_login(clerk)
    assert "permission" in client.get("/admin/").content.decode()
    clerk.user_permissions.set(Permission.objects.filter(codename="view_receipt"))
    assert set(tiles(client)) == {"Unapplied money"}


def test_the_first_page_costs_the_same_whatever_waits() -> None:
    """Statements."""
    client = chief()
    make_trouble()
    client.get("/admin/")

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/admin/")
        return len(captured)

    few = statements()
    for _ in range(5):
        answer_to(event_about(make_payment(), amount=1))
    assert statements() == few


def test_anything_is_found_by_what_names_it() -> None:
    """One hit opens its page; a payment's id opens the payment, its reference everything that bears it."""
    client = chief()
    customer = make_customer(email="ada@example.com")
    invoice = make_invoice(number="2026-77", order_id="order-9", customer_id=customer.id)
    payment = pay(invoice)
    receipt, inbound = Receipt.objects.get(), ProviderEvent.objects.get()
    for term, page in {
        invoice.pk: ("invoices_invoice", invoice.pk),
        "2026-77": ("invoices_invoice", invoice.pk),
        "order-9": ("invoices_invoice", invoice.pk),
        payment.pk: ("payments_payment", payment.pk),
        receipt.pk: ("payments_receipt", receipt.pk),
        inbound.event_id: ("inbound_providerevent", inbound.pk),
        "ada@example.com": ("invoices_customer", customer.pk),
    }.items():
        answer = client.get("/admin/find/", {"q": f" {term} "})
        assert answer.status_code == 302, term
        assert client.get(answer["Location"]).context["original"].pk == page[1], term
    several = client.get("/admin/find/", {"q": f"ch_{payment.pk}"}).context["hits"]
    assert {str(kind) for kind, _ in several} == {"payment", "receipt", "provider event"}


@pytest.mark.parametrize("term", ["", "nothing", "inv_01h455vb4pex5vsknk084sn02q", "<script>", "%", "'"])
def test_what_is_not_there_is_not_found(term: str) -> None:
    """A sentence, with the term in it as text."""
    page = chief().get("/admin/find/", {"q": term})
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
    assert page.context["hits"] == []


def test_finding_respects_permissions() -> None:
    """What somebody may not look at is not there for them."""
    invoice = make_invoice(number="2026-77")
    clerk = User.objects.create(email="clerk@example.com", is_staff=True)
    client = Client()
    client.force_login(clerk)
    assert client.get("/admin/find/", {"q": "2026-77"}).context["hits"] == []
    clerk.user_permissions.set(Permission.objects.filter(codename="view_invoice"))
    assert invoice.pk.split("_")[1] in client.get("/admin/find/", {"q": "2026-77"})["Location"]
    assert Client().get("/admin/find/", {"q": "2026-77"})["Location"].startswith("/admin/login/")


def test_events_are_found_by_the_id_of_a_payment_or_a_receipt() -> None:
    """Those that speak of it, and no others of the invoice's log."""
    invoice = make_invoice()
    declined, paid = decline(invoice), pay(Invoice.objects.get(pk=invoice.pk))
    for row, name in ((declined, "payment"), (paid, "payment"), (Receipt.objects.get(), "receipt")):
        answer: Any = chief().get(reverse("admin:outbox_outboxevent_changelist"), {"q": row.pk})
        found = list(answer.context["cl"].result_list)
        assert found
        assert {each.data[name] for each in found} == {row.pk}
        assert len(found) == OutboxEvent.objects.filter(**{f"data__{name}": row.pk}).count()
    assert chief().get(reverse("admin:outbox_outboxevent_changelist"), {"q": make_payment_id()}).status_code == 200


def make_payment_id() -> str:
    """Of a payment that does not exist."""
    return str(Payment().pk)


def test_a_held_event_is_found_by_its_aggregate() -> None:
    """The invoice whose event is stuck."""
    payment = pay(make_invoice())
    outbox.drain()
    answer: Any = chief().get(reverse("admin:outbox_heldevent_changelist"), {"q": payment.invoice_id})
    assert list(answer.context["cl"].result_list) == list(HeldEvent.objects.all())


def test_an_id_leads_to_its_own_page_however_many_events_name_it() -> None:
    """The invoice in trouble is the one with the long log."""
    invoice = make_invoice()
    for _ in range(5):
        decline(invoice, "insufficient_funds")
    answer = chief().get(f"/admin/find/?q={invoice.pk}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/invoices/invoice/")
