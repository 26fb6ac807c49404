"""Tests, deliveries with their tries, and sending one of them again."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kernel import clock
from outbox import services as outbox
from tests.api import ApiConsumer
from webhooks.outbound.models import Attempt, Delivery
from webhooks.outbound.tests.api.asking import made, refused, shown, statements
from webhooks.outbound.tests.receivers import Receiver, Say
from webhooks.outbound.tests.support import deliver, happen


def listening(api: ApiConsumer, **more: Any) -> str:
    """The path of a new endpoint that the relay knows."""
    outbox.drain()
    path = f"webhook-endpoints/{made(api, **more)['id']}"
    outbox.drain()
    return path


def listed(api: ApiConsumer, path: str, query: str = "") -> list[str]:
    """Ids of deliveries."""
    return [each["id"] for each in shown(api.get(f"{path}/deliveries{query}"))["data"]]


def ids(**wanted: Any) -> list[str]:
    """Of the deliveries there are, newest first."""
    return list(Delivery.objects.filter(**wanted).order_by("-id").values_list("id", flat=True))


def test_a_test_is_a_delivery_that_is_shown_with_its_tries(api: ApiConsumer, receiver: Receiver) -> None:
    """As it was answered, newest first."""
    receiver.answer = lambda _: Say(503, b"maintenance") if len(receiver.received) == 1 else Say(204)
    path = listening(api, url=receiver.url)
    made_one = shown(api.post(f"{path}/test"))
    assert (made_one["type"], made_one["event"], made_one["status"]) == ("webhook_endpoint.ping", None, "pending")
    assert (made_one["endpoint"], made_one["tries"]) == (path.rpartition("/")[2], [])
    deliver()
    failed = shown(api.get(f"webhook-deliveries/{made_one['id']}"))
    assert (failed["status"], failed["attempts"], failed["status_code"]) == ("pending", 1, 503)
    assert failed["available_at"] > made_one["available_at"]
    Delivery.objects.update(available_at=clock.now())
    deliver()
    done = shown(api.get(f"webhook-deliveries/{made_one['id']}"))
    assert (done["status"], done["attempts"], done["status_code"], done["error"]) == ("delivered", 2, 204, "")
    assert (done["available_at"], done["ended_at"] is None) == (None, False)
    assert [(each["status_code"], each["error"], each["answer"]) for each in done["tries"]] == [
        (204, "", ""),
        (503, "answered with 503", "maintenance"),
    ]
    assert {each["url"] for each in done["tries"]} == {receiver.url}
    assert done["tries"][1:] == failed["tries"]


def test_only_an_enabled_endpoint_is_tested(api: ApiConsumer) -> None:
    """A test that waits tells nobody anything."""
    path = listening(api)
    for step in ("pause", "disable"):
        api.post(f"{path}/{step}")
        refused(api.post(f"{path}/test"), 409, "webhook_endpoint_not_enabled")
    assert not Delivery.objects.exists()


def test_deliveries_come_newest_first_page_by_page(api: ApiConsumer) -> None:
    """Each with the event it tells of; those of others are not among them."""
    path, _other = listening(api), listening(api)
    happen(3)
    own = ids(endpoint=path.rpartition("/")[2])
    first = shown(api.get(f"{path}/deliveries?limit=2"))
    second = shown(api.get(f"{path}/deliveries?limit=2&cursor={first['next_cursor']}"))
    assert [each["id"] for each in first["data"] + second["data"]] == own
    assert (first["has_more"], second["has_more"]) == (True, False)
    delivery = Delivery.objects.get(id=own[0])
    assert (first["data"][0]["event"], first["data"][0]["type"]) == (delivery.event_id, "customer.created")
    assert "tries" not in first["data"][0]


def test_each_filter_finds_its_deliveries_and_no_others(api: ApiConsumer) -> None:
    """By state, by type, by time."""
    path = listening(api)
    happen(3)
    ping = api.post(f"{path}/test").json()["id"]
    dead, *_ = ids(type="customer.created")
    Delivery.objects.filter(id=dead).update(status="dead", available_at=None)
    assert listed(api, path, "?status=dead") == [dead]
    assert listed(api, path, "?status=dead&status=pending") == ids()
    assert listed(api, path, "?status=delivered") == []
    assert listed(api, path, "?type=webhook_endpoint.ping") == [ping]
    assert listed(api, path, "?type=customer.created&status=pending") == ids(type="customer.created", status="pending")
    instant = Delivery.objects.get(id=ping).created_at.isoformat().replace("+", "%2B")
    assert listed(api, path, f"?created_from={instant}") == [ping]
    assert listed(api, path, f"?created_before={instant}") == ids(type="customer.created")


@pytest.mark.parametrize("query", ["status=late", "type=invoice.exploded", "created_from=soon", "endpoint=x", "type="])
def test_a_filter_that_means_nothing_is_refused(api: ApiConsumer, query: str) -> None:
    """An empty list would be taken for an answer."""
    refused(api.get(f"{listening(api)}/deliveries?{query}"), 422)


def test_deliveries_and_a_delivery_take_two_statements(api: ApiConsumer) -> None:
    """The endpoint and its deliveries, a delivery and its tries: however many there are."""
    path = listening(api)
    happen(1)
    counts = []
    for _ in range(2):
        [delivery, *_] = ids()
        _try_often(delivery, times=3)
        counts.append(statements(api, lambda: api.get(f"{path}/deliveries")))
        counts.append(statements(api, lambda id=delivery: api.get(f"webhook-deliveries/{id}")))  # type: ignore[misc]
        happen(4)
    assert counts == [2, 2, 2, 2]


def _try_often(delivery_id: str, *, times: int) -> None:
    now = clock.now()
    for number in range(times):
        Attempt.objects.create(
            delivery_id=delivery_id, url="https://1.1.1.1/", status_code=500, duration_ms=number,
            started_at=now + datetime.timedelta(seconds=number),
        )  # fmt: skip


def test_the_50_latest_tries_are_shown(api: ApiConsumer) -> None:
    """Newest first."""
    listening(api)
    happen(1)
    [delivery] = ids()
    _try_often(delivery, times=52)
    tries = shown(api.get(f"webhook-deliveries/{delivery}"))["tries"]
    assert [each["duration_ms"] for each in tries] == list(range(51, 1, -1))


def test_sending_again_keeps_the_id_and_says_who_and_why(api: ApiConsumer, receiver: Receiver) -> None:
    """With all its tries before it, whatever became of it."""
    path = listening(api, url=receiver.url)
    happen(1)
    deliver()
    [delivery] = ids(status="delivered")
    again = shown(api.post(f"webhook-deliveries/{delivery}/resend", {"reason": "they lost it"}))
    assert (again["id"], again["status"], again["attempts"]) == (delivery, "pending", 0)
    assert (again["reason"], again["actor"][:8], again["ended_at"]) == ("they lost it", "api_key:", None)
    assert len(again["tries"]) == 1
    assert listed(api, path, "?status=pending") == [delivery]
    deliver()
    assert len(set(receiver.ids)) == 1
    assert len(receiver.ids) == 2
    assert shown(api.get(f"webhook-deliveries/{delivery}"))["status"] == "delivered"


@pytest.mark.parametrize("id", ["whd_01h455vb4pex5vsknk084sn02q", "evt_01h455vb4pex5vsknk084sn02q", "nonsense"])
def test_nobodys_delivery_is_not_found(api: ApiConsumer, id: str) -> None:
    """Whatever its id looks like."""
    refused(api.get(f"webhook-deliveries/{id}"), 404, "delivery_not_found")
    refused(api.post(f"webhook-deliveries/{id}/resend"), 404, "delivery_not_found")


def test_what_is_sent_again_is_no_more_than_asked_for(api: ApiConsumer) -> None:
    """A reason, and nothing else."""
    listening(api)
    happen(1)
    [delivery] = ids()
    with CaptureQueriesContext(connection) as captured:
        refused(api.post(f"webhook-deliveries/{delivery}/resend", {"limit": 1}), 422)
    assert not [query for query in captured.captured_queries if query["sql"].startswith("UPDATE `outbound")]
