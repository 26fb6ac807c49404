"""Deliveries in the admin: found, read with every try, and sent again with a reason."""

import html
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import User
from tests.staff import signed_in
from webhooks.outbound import services
from webhooks.outbound.admin import resending
from webhooks.outbound.models import Delivery
from webhooks.outbound.tests.receivers import Receiver, Say
from webhooks.outbound.tests.support import ACTOR, deliver, happen, make_endpoint, the_delivery

pytestmark = pytest.mark.django_db
LIST = "/admin/outbound/delivery/"
MANY = f"{LIST}resend-many/"


@pytest.fixture
def chief() -> Client:
    """May do everything."""
    return signed_in(is_superuser=True)


def url(delivery: Delivery, page: str = "change") -> str:
    return reverse(f"admin:outbound_delivery_{page}", args=[delivery.pk])


def said(response: Any) -> str:
    *_, message = response.context["messages"]
    return str(message)


def bury(*deliveries: Delivery) -> None:
    ids = [each.pk for each in deliveries]
    Delivery.objects.filter(pk__in=ids).update(status="dead", available_at=None, attempts=8)


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("status", flat=True))


def test_the_page_shows_what_was_sent_and_every_try(chief: Client, receiver: Receiver) -> None:
    """The body to the byte, and what came back as text, whatever is in it."""
    receiver.answer = lambda _: Say(500, b"<script>alert(1)</script>")
    make_endpoint(receiver.url)
    happen()
    deliver()
    delivery = the_delivery()
    services.resend(actor=ACTOR, delivery_id=delivery.pk)
    receiver.answer = lambda _: Say(204)
    deliver()
    page = chief.get(url(delivery)).content.decode()
    codes = [html.unescape(code) for code in re.findall('<pre class="q-code">\n(.*?)</pre>', page, re.DOTALL)]
    assert codes == [receiver.received[0].body.decode(), "<script>alert(1)</script>"]
    assert "<script>alert(1)" not in page
    for text in ("answered with 500", receiver.url, receiver.ids[0], the_delivery().event_id):
        assert text in page, text
    assert page.count(" ms</") == 2


def test_deliveries_are_filtered_and_found(chief: Client) -> None:
    """By status, type, endpoint and date; by their own id, their event's and their endpoint's."""
    first, second = make_endpoint(), make_endpoint("http://127.0.0.1:9/else")
    happen()
    services.ping(actor=ACTOR, endpoint_id=first.pk)
    dead = second.deliveries.get()
    bury(dead)
    for query, wanted in [
        ({"status__exact": "dead"}, {dead.pk}),
        ({"type": "webhook_endpoint.ping"}, set(first.deliveries.filter(event=None).values_list("pk", flat=True))),
        ({"endpoint__id__exact": second.pk}, {dead.pk}),
        ({"created_at__lt": "2020-01-01T00:00:00+00:00"}, set()),
        ({"q": dead.pk}, {dead.pk}),
        ({"q": second.pk}, {dead.pk}),
        ({"q": dead.event_id}, set(Delivery.objects.exclude(event=None).values_list("pk", flat=True))),
        ({"q": "nothing"}, set()),
    ]:
        page = chief.get(LIST, query)
        assert {row.pk for row in page.context["cl"].result_list} == wanted, query
    assert chief.get(LIST, {"endpoint__id__exact": "whe_nonsense"}).status_code == 302


def test_the_filter_offers_the_newest_endpoints_and_the_one_chosen(
    chief: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are."""
    endpoints = [make_endpoint(f"http://127.0.0.1:9/{number}") for number in range(4)]
    monkeypatch.setattr("config.admin.filters.OFFERED_ROWS", 2)
    page = chief.get(LIST, {"endpoint__id__exact": endpoints[0].pk})
    (offered,) = [each.lookup_choices for each in page.context["cl"].filter_specs if each.title == "endpoint"]
    assert [id for id, _ in offered] == [endpoints[3].pk, endpoints[2].pk, endpoints[0].pk]


def test_staff_sends_one_again(chief: Client, receiver: Receiver) -> None:
    """It is due with all its tries before it, under the same id; the row says who and why."""
    make_endpoint(receiver.url)
    happen()
    bury(the_delivery())
    page = chief.post(url(the_delivery(), "resend"), {"reason": "their bug is mended"}, follow=True)
    assert said(page) == "It is sent again now, with all its tries before it."
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts) == ("pending", 0)
    assert (delivery.actor, delivery.reason) == (f"staff:{User.objects.get().pk}", "their bug is mended")
    deliver()
    assert receiver.ids == [delivery.event_id]


def test_what_cannot_be_sent_now_says_so(chief: Client) -> None:
    """To a paused endpoint it waits; to a deleted one there is no button, and the service refuses."""
    endpoint = make_endpoint()
    happen()
    services.pause(actor=ACTOR, endpoint_id=endpoint.pk)
    page = chief.post(url(the_delivery(), "resend"), {"reason": "because"}, follow=True)
    assert "once its endpoint is enabled, which is paused" in said(page)
    services.delete(actor=ACTOR, endpoint_id=endpoint.pk)
    assert "Not possible: its endpoint is deleted." in chief.get(url(the_delivery())).content.decode()
    page = chief.post(url(the_delivery(), "resend"), {"reason": "because"}, follow=True)
    assert "deleted status" in said(page)
    assert statuses() == ["dead"]


def test_those_that_are_ticked_are_sent_again(chief: Client) -> None:
    """And no others: it says how many, asks why, and is done by one more click."""
    make_endpoint()
    happen(3)
    first, second, third = Delivery.objects.order_by("id")
    bury(first, second, third)
    ticked = {"action": "resend_selected", "_selected_action": [first.pk, third.pk], "index": "0"}
    asked = chief.post(LIST, ticked, follow=True)
    assert "Send again: 2 deliveries" in asked.content.decode()
    assert statuses() == ["dead"] * 3
    done = chief.post(
        asked.request["PATH_INFO"] + "?" + asked.request["QUERY_STRING"], {"reason": "mended"}, follow=True
    )
    assert said(done) == "2 deliveries are sent again."
    assert statuses() == ["pending", "dead", "pending"]
    assert set(Delivery.objects.filter(status="pending").values_list("reason", flat=True)) == {"mended"}


def test_all_that_match_the_filter_are_sent_again(chief: Client) -> None:
    """Those of the list's own link, whatever page they are on; those to deleted endpoints stay as they are."""
    kept, deleted = make_endpoint(), make_endpoint()
    happen(3)
    bury(*kept.deliveries.order_by("id")[:2])
    services.delete(actor=ACTOR, endpoint_id=deleted.pk)
    page = chief.get(LIST, {"status__exact": "dead"})
    (link,) = re.findall(r'href="(resend-many/[^"]*)"', html.unescape(page.content.decode()))
    assert "Send again: 5 deliveries" in chief.get(LIST + link).content.decode()
    done = chief.post(LIST + link, {"reason": "mended"}, follow=True)
    assert said(done) == "2 deliveries are sent again."
    assert done.request["QUERY_STRING"] == "status__exact=dead"
    assert set(kept.deliveries.values_list("status", flat=True)) == {"pending"}
    assert set(deleted.deliveries.values_list("status", flat=True)) == {"dead"}


def test_no_more_are_sent_again_than_one_request_can_do(chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest; it says that there are more."""
    monkeypatch.setattr(resending, "MOST_RESENT", 2)
    make_endpoint()
    happen(3)
    bury(*Delivery.objects.all())
    assert "2+ deliveries" in chief.get(MANY, {"status__exact": "dead"}).content.decode()
    chief.post(f"{MANY}?status__exact=dead", {"reason": "mended"})
    assert statuses() == ["pending", "pending", "dead"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "card 4242 4242 4242 4242"])
def test_nothing_is_sent_again_without_a_reason(chief: Client, reason: str) -> None:
    """One, or many: the form comes back, without a card number."""
    make_endpoint()
    happen()
    bury(the_delivery())
    for address in (url(the_delivery(), "resend"), f"{MANY}?status__exact=dead"):
        page = chief.post(address, {"reason": reason})
        assert page.status_code == 200
        assert page.context["form"].errors["reason"]
        assert "4242 4242" not in page.content.decode()
    assert statuses() == ["dead"]


def test_sending_again_needs_its_permission() -> None:
    """Whoever only looks has neither button, action nor link, and is refused."""
    make_endpoint()
    happen()
    bury(the_delivery())
    clerk = signed_in("view_delivery", "view_endpoint", "operate_endpoint")
    page = clerk.get(LIST, {"status__exact": "dead"}).content.decode()
    assert "resend" not in page
    assert "../resend/" not in clerk.get(url(the_delivery())).content.decode()
    for address in (url(the_delivery(), "resend"), f"{MANY}?status__exact=dead"):
        assert clerk.post(address, {"reason": "because"}).status_code == 403
        assert Client().post(address, {"reason": "because"}).status_code == 302
    assert statuses() == ["dead"]


@pytest.mark.parametrize("query", ["status__exact=dead&nonsense=1", "pk__in=whd_x", "created_at__gte=never", "pk__in="])
def test_a_query_that_no_list_takes_sends_nothing(chief: Client, query: str) -> None:
    """Not everything, as a list would that ignores it."""
    make_endpoint()
    happen()
    bury(the_delivery())
    answer = chief.post(f"{MANY}?{query}", {"reason": "because"})
    assert answer.status_code in (302, 400)
    assert answer.headers.get("Location", "../?e=1") in ("../?e=1", f"../?{query}")
    assert statuses() == ["dead"]


def test_an_unfiltered_list_offers_nothing_to_send(chief: Client) -> None:
    """All that was ever sent is no likely wish; and there is none to send where none matches."""
    make_endpoint()
    happen()
    assert "resend-many" not in chief.get(LIST).content.decode()
    assert "resend-many" not in chief.get(LIST, {"status__exact": "dead"}).content.decode()
    assert "There is none." in chief.get(MANY, {"status__exact": "dead"}).content.decode()


def test_the_pages_cost_the_same_whatever_there_is(chief: Client) -> None:
    """Statements, of the list, of a delivery's page, and of what asks before many are sent."""

    def statements(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert chief.get(address).status_code == 200
        return len(captured)

    make_endpoint()
    happen()
    deliver()
    addresses = (LIST, url(the_delivery()), f"{MANY}?status__exact=pending")
    for address in addresses:
        statements(address)  # The first time, content types are read too.
    few = [statements(address) for address in addresses]
    for number in range(3):
        make_endpoint(f"http://127.0.0.1:9/{number}")
    happen(4)
    deliver()
    assert Delivery.objects.count() == 17
    assert [statements(address) for address in addresses] == few
    assert few[0] <= 14
