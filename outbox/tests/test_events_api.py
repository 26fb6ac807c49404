"""GET /events and GET /events/{id}: everything that has happened, newest first."""

import datetime
from typing import Any

import pytest

from config.kernel import clock
from outbox.models import OutboxEvent
from payments.tests.factories import make_paid
from tests.api import ApiConsumer

pytestmark = pytest.mark.django_db


def listed(api: ApiConsumer, query: str = "") -> list[dict[str, Any]]:
    response = api.get(f"events{query}")
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["data"]
    return found


def test_events_come_newest_first_page_by_page() -> None:
    """Whatever they are about; a page says where the next begins."""
    api = ApiConsumer()
    invoices = [api.create_invoice()["id"] for _ in range(3)]
    assert [event["aggregate"] for event in listed(api)] == invoices[::-1]
    first = api.get("events?limit=2").json()
    second = api.get(f"events?limit=2&cursor={first['next_cursor']}").json()
    assert [event["aggregate"] for event in first["data"] + second["data"]] == invoices[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_an_event_is_the_same_alone_in_lists_and_in_its_invoice() -> None:
    """With who did it, why, and under which request."""
    api = ApiConsumer()
    response = api.post("invoices", {"amount": 5, "currency": "EUR"}, X_Request_ID="checkout-7")
    [event] = listed(api)
    assert api.get(f"events/{event['id']}").json() == event
    assert event["aggregate"] == response.json()["id"]
    assert (event["type"], event["version"], event["sequence"]) == ("invoice.created", 1, 1)
    assert event["correlation_id"] == "checkout-7"
    assert event["actor"].startswith("api_key:")
    assert event["data"]["amount"] == 5
    [shown] = response.json()["events"]
    assert shown == {name: value for name, value in event.items() if name != "aggregate"}


def test_each_filter_finds_its_events_and_no_others() -> None:
    """By type, by what they are about, by request, by time; all at once too."""
    api, payment = ApiConsumer(), make_paid()
    asked = api.post("invoices", {"amount": 5, "currency": "EUR"}, X_Request_ID="checkout-8").json()
    assert {event["type"] for event in listed(api, "?type=payment.succeeded")} == {"payment.succeeded"}
    of_invoice = listed(api, f"?aggregate={payment.invoice_id}")
    assert len(of_invoice) == OutboxEvent.objects.filter(aggregate_id=payment.invoice_id).count() > 3
    assert len(listed(api, f"?type=invoice.created&aggregate={payment.invoice_id}")) == 1
    assert [event["aggregate"] for event in listed(api, "?correlation_id=checkout-8")] == [asked["id"]]
    tomorrow = (clock.now() + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert listed(api, f"?occurred_from={tomorrow}") == []
    assert len(listed(api, f"?occurred_before={tomorrow}")) == OutboxEvent.objects.count()


@pytest.mark.parametrize("query", ["type=invoice.exploded", "type=", "occurred_from=soon", "kind=x", "limit=0"])
def test_a_filter_that_means_nothing_is_refused(query: str) -> None:
    """An empty list would be taken for an answer."""
    response = ApiConsumer().get(f"events?{query}")
    assert response.status_code == 422, response.content


@pytest.mark.parametrize("event_id", ["evt_01h455vb4pex5vsknk084sn02q", "evt_nonsense", "inv_01h455vb4pex5vsknk084sn0"])
def test_an_event_that_is_not_there_is_not_found(event_id: str) -> None:
    """Whatever the id looks like."""
    response = ApiConsumer().get(f"events/{event_id}")
    assert (response.status_code, response.json()["code"]) == (404, "event_not_found")


def test_events_need_their_scope() -> None:
    """They tell everything about everybody."""
    api = ApiConsumer(scopes={"invoices:read"})
    assert [api.get(path).status_code for path in ("events", "events/evt_nonsense")] == [403, 403]
