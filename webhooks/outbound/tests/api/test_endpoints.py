"""GET, PATCH and DELETE of webhook endpoints, and the steps of their machine."""

from typing import Any

import pytest

from outbox.models import OutboxEvent
from tests.api import ApiConsumer
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.tests.api.asking import MINE, NOBODY, made, refused, shown, statements

STEPS = ["pause", "resume", "disable", "enable"]


def test_endpoints_come_newest_first_page_by_page(api: ApiConsumer) -> None:
    """A page says where the next begins."""
    ids = [made(api)["id"] for _ in range(3)]
    first = shown(api.get("webhook-endpoints?limit=2"))
    second = shown(api.get(f"webhook-endpoints?limit=2&cursor={first['next_cursor']}"))
    assert [each["id"] for each in first["data"] + second["data"]] == ids[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_what_is_deleted_is_listed_only_when_asked_for(api: ApiConsumer) -> None:
    """By its id it is still to be seen; several states at once may be asked for."""
    ids = {status: made(api)["id"] for status in ("enabled", "paused", "disabled", "deleted")}
    api.post(f"webhook-endpoints/{ids['paused']}/pause")
    api.post(f"webhook-endpoints/{ids['disabled']}/disable")
    response = api.request("DELETE", f"webhook-endpoints/{ids['deleted']}")
    assert (response.status_code, response.content) == (204, b"")

    def listed(query: str) -> set[str]:
        return {each["id"] for each in shown(api.get(f"webhook-endpoints{query}"))["data"]}

    assert listed("") == {ids["enabled"], ids["paused"], ids["disabled"]}
    assert listed("?status=deleted") == {ids["deleted"]}
    assert listed("?status=deleted&status=paused") == {ids["deleted"], ids["paused"]}
    assert shown(api.get(f"webhook-endpoints/{ids['deleted']}"))["status"] == "deleted"
    refused(api.get("webhook-endpoints?status=gone"), 422)


def test_a_list_and_an_endpoint_take_one_statement(api: ApiConsumer) -> None:
    """However many there are, and however often they were rotated."""
    for _ in range(4):
        endpoint = made(api)
        api.post(f"webhook-endpoints/{endpoint['id']}/rotate")
    assert statements(api, lambda: api.get("webhook-endpoints")) == 1
    assert statements(api, lambda: api.get(f"webhook-endpoints/{endpoint['id']}")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://8.8.8.8/other"},
        {"events": ["invoice.*", "payment.succeeded"]},
        {"description": ""},
        {"url": "https://8.8.8.8/", "events": ["*"], "description": "else"},
    ],
)
def test_only_what_is_sent_changes(api: ApiConsumer, changes: dict[str, Any]) -> None:
    """And an event tells of it."""
    endpoint = made(api)
    del endpoint["secret"]
    path = f"webhook-endpoints/{endpoint['id']}"
    assert shown(api.request("PATCH", path, changes)) == endpoint | changes
    assert shown(api.get(path)) == endpoint | changes
    event = OutboxEvent.objects.get(type="webhook_endpoint.updated")
    assert event.data["url"] == (endpoint | changes)["url"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"events": ["Invoice.paid"]}, "events.0"),
        ({"description": 1}, "description"),
        ({"status": "paused"}, "status"),
        ({"id": NOBODY}, "id"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(api: ApiConsumer, changes: dict[str, Any], field: str) -> None:
    """Nothing of it is done."""
    endpoint = made(api)
    response = api.request("PATCH", f"webhook-endpoints/{endpoint['id']}", {"description": "new"} | changes)
    assert [error["field"] for error in refused(response, 422)["errors"]] == [field]
    assert Endpoint.objects.get().description == MINE["description"]


def test_deleting_buries_what_waits_and_is_done_once(api: ApiConsumer) -> None:
    """Its deliveries can still be read; nothing more can be done with it, which is told with its state."""
    path = f"webhook-endpoints/{made(api)['id']}"
    delivery = api.post(f"{path}/test").json()
    api.request("DELETE", path)
    assert Delivery.objects.get().status == "dead"
    assert [each["id"] for each in shown(api.get(f"{path}/deliveries"))["data"]] == [delivery["id"]]
    for again in (
        api.request("DELETE", path),
        api.request("PATCH", path, {"description": "x"}),
        api.post(f"{path}/test"),
        api.post(f"{path}/deliveries/resend"),
        api.post(f"webhook-deliveries/{delivery['id']}/resend"),
        *(api.post(f"{path}/{step}") for step in STEPS),
    ):
        assert refused(again, 409, "forbidden_transition")["status"] == 409


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        (["pause"], "paused"),
        (["pause", "resume"], "enabled"),
        (["disable"], "disabled"),
        (["pause", "disable"], "disabled"),
        (["disable", "enable"], "enabled"),
    ],
)
def test_a_step_is_taken_with_its_reason(api: ApiConsumer, steps: list[str], status: str) -> None:
    """Who and why is in the event; the answer is the endpoint as it is now."""
    path = f"webhook-endpoints/{made(api)['id']}"
    for step in steps:
        answer = shown(api.post(f"{path}/{step}", {"reason": "they move house"}))
    assert answer == shown(api.get(path))
    assert answer["status"] == status
    assert answer["disabled_because"] == ("they move house" if status == "disabled" else "")
    event = OutboxEvent.objects.order_by("-sequence")[0]
    assert (event.data["status"], event.reason, event.actor[:8]) == (status, "they move house", "api_key:")


@pytest.mark.parametrize(
    ("before", "step"),
    [
        ([], "resume"),
        ([], "enable"),
        (["pause"], "pause"),
        (["pause"], "enable"),
        (["disable"], "pause"),
        (["disable"], "resume"),
        (["disable"], "disable"),
    ],
)
def test_a_step_that_its_state_does_not_have_is_a_conflict(api: ApiConsumer, before: list[str], step: str) -> None:
    """It names the state; nothing is recorded."""
    path = f"webhook-endpoints/{made(api)['id']}"
    for each in before:
        api.post(f"{path}/{each}")
    count = OutboxEvent.objects.count()
    problem = refused(api.post(f"{path}/{step}"), 409, "forbidden_transition")
    assert step in problem["detail"]
    assert OutboxEvent.objects.count() == count


@pytest.mark.parametrize("step", STEPS)
def test_a_reason_is_text(api: ApiConsumer, step: str) -> None:
    """At most 500 characters, without card numbers, and there is nothing else to say."""
    path = f"webhook-endpoints/{made(api)['id']}/{step}"
    for body in ({"reason": 1}, {"reason": "x" * 501}, {"because": "x"}):
        refused(api.post(path, body), 422)
    refused(api.post(path, {"reason": "4242 4242 4242 4242"}), 422, "card_number")


def test_nobodys_endpoint_is_not_found(api: ApiConsumer) -> None:
    """Whatever is asked of it, and whatever its id looks like."""
    for id in (NOBODY, "inv_01h455vb4pex5vsknk084sn02q", "nonsense"):
        path = f"webhook-endpoints/{id}"
        for response in (
            api.get(path),
            api.get(f"{path}/deliveries"),
            api.request("PATCH", path, {"description": "x"}),
            api.request("DELETE", path),
            api.post(f"{path}/test"),
            api.post(f"{path}/deliveries/resend"),
            *(api.post(f"{path}/{step}") for step in STEPS),
        ):
            assert refused(response, 404, "webhook_endpoint_not_found")["id"] == id
