"""POST /webhook-endpoints/{id}/deliveries/resend."""

from typing import Any

import pytest

from tests.api import ApiConsumer
from webhooks.outbound.models import Delivery
from webhooks.outbound.tests.api.asking import refused, shown
from webhooks.outbound.tests.api.test_deliveries import ids, listening
from webhooks.outbound.tests.receivers import Receiver
from webhooks.outbound.tests.support import deliver, happen


@pytest.fixture
def path(api: ApiConsumer) -> str:
    """An endpoint with five dead deliveries, beside one whose deliveries are dead too."""
    found, _other = listening(api), listening(api)
    happen(5)
    Delivery.objects.update(status="dead", available_at=None, attempts=8)
    return found


def own(path: str, **wanted: Any) -> list[str]:
    """Ids of the endpoint's deliveries, oldest first."""
    return ids(endpoint=path.rpartition("/")[2], **wanted)[::-1]


def test_all_that_is_dead_is_sent_again_and_nobody_elses(api: ApiConsumer, path: str) -> None:
    """With who and why."""
    answer = shown(api.post(f"{path}/deliveries/resend", {"reason": "they are back"}))
    assert answer == {"resent": 5, "has_more": False, "next_cursor": None}
    rows = set(Delivery.objects.filter(id__in=own(path)).values_list("status", "attempts", "reason"))
    assert rows == {("pending", 0, "they are back")}
    assert Delivery.objects.filter(status="dead", reason="").count() == 5


def test_a_limit_sends_the_oldest_and_says_that_there_are_more(api: ApiConsumer, path: str) -> None:
    """Nothing is left out and nothing told to be left when nothing is."""
    dead = own(path)
    first = shown(api.post(f"{path}/deliveries/resend", {"limit": 3}))
    assert first == {"resent": 3, "has_more": True, "next_cursor": dead[2]}
    assert own(path, status="pending") == dead[:3]
    assert shown(api.post(f"{path}/deliveries/resend", {"limit": 2})) == {
        "resent": 2,
        "has_more": False,
        "next_cursor": None,
    }


def test_what_was_delivered_is_sent_again_once_though_it_is_delivered_at_once(
    api: ApiConsumer, receiver: Receiver
) -> None:
    """Going on after the cursor, not with the oldest again and again."""
    path = listening(api, url=receiver.url)
    happen(5)
    deliver()
    body: dict[str, Any] = {"status": "delivered", "limit": 2, "cursor": None}
    counts = []
    for _ in range(3):
        answer = shown(api.post(f"{path}/deliveries/resend", body))
        deliver()
        counts.append((answer["resent"], answer["has_more"]))
        body["cursor"] = answer["next_cursor"]
    assert counts == [(2, True), (2, True), (1, False)]
    assert {receiver.ids.count(id) for id in receiver.ids} == {2}
    assert len(receiver.ids) == 10


def test_each_filter_sends_its_deliveries_and_no_others(api: ApiConsumer, path: str) -> None:
    """By type, by state, by time: the start is included, the end is not."""
    dead = own(path)
    instants = [Delivery.objects.get(id=id).created_at.isoformat() for id in dead]
    assert shown(api.post(f"{path}/deliveries/resend", {"type": "customer.updated"}))["resent"] == 0
    assert shown(api.post(f"{path}/deliveries/resend", {"status": "delivered"}))["resent"] == 0
    apart = instants[2]
    before = [id for id, at in zip(dead, instants, strict=True) if at < apart]
    assert shown(api.post(f"{path}/deliveries/resend", {"created_before": apart}))["resent"] == len(before)
    assert own(path, status="pending") == before
    body = {"created_from": apart, "type": "customer.created"}
    assert shown(api.post(f"{path}/deliveries/resend", body))["resent"] == 5 - len(before)
    assert own(path, status="dead") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "pending"}, "status"),
        ({"status": None}, "status"),
        ({"type": "invoice.exploded"}, "type"),
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"created_from": "soon"}, "created_from"),
        ({"created_from": "0001-01-01T00:00:00+14:00"}, "created_from"),
        ({"created_from": "0001-01-01T00:00:00Z"}, "created_from"),
        ({"created_before": "9999-12-31T23:59:59Z"}, "created_before"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "evt_01h455vb4pex5vsknk084sn02q"}, "cursor"),
        ({"endpoint": "x"}, "endpoint"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_what_names_no_deliveries_is_refused(api: ApiConsumer, path: str, body: dict[str, Any], field: str) -> None:
    """By field; nothing is sent."""
    problem = refused(api.post(f"{path}/deliveries/resend", body), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert not Delivery.objects.exclude(status="dead").exists()
