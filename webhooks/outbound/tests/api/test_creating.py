"""POST /webhook-endpoints."""

from typing import Any

import pytest
from django.conf import LazySettings

from outbox.models import OutboxEvent
from tests.api import ApiConsumer
from webhooks.outbound.models import Endpoint, EndpointSecret
from webhooks.outbound.tests.api.asking import MINE, made, refused, shown

REFUSED = [
    "http://1.1.1.1/hook",
    "https://user:password@1.1.1.1/hook",
    "https://127.0.0.1/hook",
    "https://10.0.0.1/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://[::ffff:127.0.0.1]/hook",
    "https://localhost/hook",
    "https://2130706433/hook",
    "ftp://1.1.1.1/hook",
    "nonsense",
]


@pytest.fixture
def strict(settings: LazySettings) -> None:
    """As in production."""
    settings.WEBHOOK_HTTPS_ONLY, settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES = True, False


def test_an_endpoint_shows_its_secret_once(api: ApiConsumer) -> None:
    """In the answer to creating it; alone and in lists it is the same without."""
    response = api.post("webhook-endpoints", MINE)
    assert response.status_code == 201
    created = response.json()
    secret = created.pop("secret")
    assert EndpointSecret.objects.get(endpoint_id=created["id"]).secret == secret
    assert secret.startswith("whsec_")
    assert {name: created[name] for name in MINE} == MINE
    assert (created["status"], created["failing_since"], created["disabled_because"]) == ("enabled", None, "")
    assert created["previous_secret_expires_at"] is None
    assert shown(api.get(f"webhook-endpoints/{created['id']}")) == created
    assert shown(api.get("webhook-endpoints"))["data"] == [created]


def test_a_description_may_be_left_out(api: ApiConsumer) -> None:
    """What nobody has told is an empty string."""
    response = api.post("webhook-endpoints", {"url": MINE["url"], "events": ["*"]})
    assert (response.status_code, response.json()["description"]) == (201, "")


def test_a_repetition_is_answered_without_the_secret(api: ApiConsumer) -> None:
    """As it is by now; one endpoint, one secret, one event."""
    first = api.post("webhook-endpoints", MINE, key="mine-1")
    api.post(f"webhook-endpoints/{first.json()['id']}/pause")
    again = api.post("webhook-endpoints", MINE, key="mine-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again["Idempotent-Replayed"] == "true"
    expected = first.json() | {"status": "paused"}
    del expected["secret"]
    assert again.json() == expected
    assert (Endpoint.objects.count(), EndpointSecret.objects.count()) == (1, 1)
    assert OutboxEvent.objects.filter(type="webhook_endpoint.created").count() == 1


def test_a_key_with_other_input_is_a_conflict(api: ApiConsumer) -> None:
    """It names the endpoint that the key made."""
    first = api.post("webhook-endpoints", MINE, key="mine-1").json()
    problem = refused(
        api.post("webhook-endpoints", MINE | {"events": ["*"]}, key="mine-1"), 409, "idempotency_key_reused"
    )
    assert problem["id"] == first["id"]
    assert Endpoint.objects.count() == 1


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_nothing_may_be_sent_to_is_refused(api: ApiConsumer, url: str) -> None:
    """By name of the field and with the reason, when it is made and when it is changed; nothing is stored."""
    problem = refused(api.post("webhook-endpoints", MINE | {"url": url}), 422, "webhook_url_refused")
    [error] = problem["errors"]
    assert (error["field"], error["code"]) == ("url", "webhook_url_refused")
    assert error["detail"] in problem["detail"]
    assert not Endpoint.objects.exists()
    endpoint = made(api)
    changed = api.request("PATCH", f"webhook-endpoints/{endpoint['id']}", {"url": url})
    refused(changed, 422, "webhook_url_refused")
    assert Endpoint.objects.get().url == MINE["url"]


@pytest.mark.parametrize("pattern", ["invoce.paid", "invoice", "webhook_endpoint.ping", "*.nothing"])
def test_a_pattern_that_no_type_has_is_refused(api: ApiConsumer, pattern: str) -> None:
    """A subscription that can never hear anything is a mistake; it says which."""
    response = api.post("webhook-endpoints", MINE | {"events": ["*", pattern]})
    problem = refused(response, 422, "unknown_event_type")
    assert [error["field"] for error in problem["errors"]] == ["events.1"]
    assert problem["pattern"] == pattern
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": ["*"]}, "url"),
        ({"url": "https://1.1.1.1/"}, "events"),
        (MINE | {"url": "https://1.1.1.1/" + "x" * 2000}, "url"),
        (MINE | {"url": None}, "url"),
        (MINE | {"url": 1}, "url"),
        (MINE | {"events": []}, "events"),
        (MINE | {"events": ["*"] * 101}, "events"),
        (MINE | {"events": "*"}, "events"),
        (MINE | {"events": ["customer.*", "Invoice.*"]}, "events.1"),
        (MINE | {"events": ["[a-z]*"]}, "events.0"),
        (MINE | {"events": ["*" * 101]}, "events.0"),
        (MINE | {"events": [None]}, "events.0"),
        (MINE | {"description": "x" * 501}, "description"),
        (MINE | {"secret": "whsec_mine"}, "secret"),
        (MINE | {"status": "paused"}, "status"),
    ],
)
def test_a_body_that_makes_no_endpoint_is_refused_by_field(api: ApiConsumer, body: dict[str, Any], field: str) -> None:
    """422, and nothing is stored."""
    problem = refused(api.post("webhook-endpoints", body), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert not Endpoint.objects.exists()


def test_what_is_no_json_is_refused(api: ApiConsumer) -> None:
    """Malformed, too large, of another type, under a malformed key."""
    refused(api.post("webhook-endpoints", MINE | {"description": "4242 4242 4242 4242"}), 422, "card_number")
    refused(api.post("webhook-endpoints", b"{"), 400, "malformed_json")
    refused(api.post("webhook-endpoints", MINE, key=""), 400, "idempotency_key_invalid")
    refused(api.post("webhook-endpoints", b'{"url": "' + b"x" * 2**20 + b'"}'), 413, "payload_too_large")
    response = api.client.post(
        "/api/v1/webhook-endpoints", {"url": "x"}, headers={"Authorization": f"Bearer {api.secret}"}
    )
    refused(response, 415, "unsupported_media_type")
    assert not Endpoint.objects.exists()


def test_who_may_only_read_makes_and_changes_nothing(api: ApiConsumer) -> None:
    """And who may do anything else does not even read."""
    endpoint = made(api)
    reader = ApiConsumer(scopes={"webhook_endpoints:read"})
    assert shown(reader.get("webhook-endpoints"))["data"]
    refused(reader.post("webhook-endpoints", MINE), 403, "missing_scope")
    refused(reader.request("DELETE", f"webhook-endpoints/{endpoint['id']}"), 403, "missing_scope")
    refused(ApiConsumer(scopes={"events:read"}).get("webhook-endpoints"), 403, "missing_scope")
    refused(ApiConsumer(secret="qt_test_nobody").get("webhook-endpoints"), 401, "invalid_credentials")
