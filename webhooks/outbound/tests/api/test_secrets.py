"""POST /webhook-endpoints/{id}/rotate, and who sees secrets."""

import datetime
import logging

import pytest

from config.kernel import clock
from outbox.models import OutboxEvent
from tests.api import ApiConsumer
from webhooks.outbound import services
from webhooks.outbound.models import Endpoint, EndpointSecret
from webhooks.outbound.tests.api.asking import NOBODY, made, refused, shown


def test_a_new_secret_signs_beside_the_old_one_for_a_day(api: ApiConsumer) -> None:
    """It is shown in the answer only; until when the old one is good for is shown afterwards too."""
    endpoint = made(api)
    path = f"webhook-endpoints/{endpoint['id']}"
    rotated = shown(api.post(f"{path}/rotate"))
    secret = rotated.pop("secret")
    assert services.valid_secrets(Endpoint.objects.get()) == [secret, endpoint["secret"]]
    expires_at = datetime.datetime.fromisoformat(rotated["previous_secret_expires_at"])
    assert abs(expires_at - clock.wall() - datetime.timedelta(days=1)) < datetime.timedelta(minutes=1)
    assert shown(api.get(path)) == rotated
    assert shown(api.get("webhook-endpoints"))["data"] == [rotated]


def test_without_an_overlap_the_old_secret_is_good_for_nothing(api: ApiConsumer) -> None:
    """At once; and why is on record."""
    endpoint = made(api)
    rotated = shown(
        api.post(f"webhook-endpoints/{endpoint['id']}/rotate", {"overlap_seconds": 0, "reason": "it was in a log"})
    )
    assert services.valid_secrets(Endpoint.objects.get()) == [rotated["secret"]]
    assert rotated["previous_secret_expires_at"] is None
    event = OutboxEvent.objects.get(type="webhook_endpoint.secret_rotated")
    assert (event.reason, event.actor[:8]) == ("it was in a log", "api_key:")


def test_the_latest_of_several_old_secrets_is_told(api: ApiConsumer) -> None:
    """What has expired is not."""
    endpoint = made(api)
    path = f"webhook-endpoints/{endpoint['id']}"
    api.post(f"{path}/rotate", {"overlap_seconds": 60})
    rotated = shown(api.post(f"{path}/rotate", {"overlap_seconds": 3600}))
    latest = EndpointSecret.objects.order_by("-expires_at")[0]
    assert datetime.datetime.fromisoformat(rotated["previous_secret_expires_at"]) == latest.expires_at
    EndpointSecret.objects.filter(expires_at__isnull=False).update(expires_at=clock.wall())
    assert shown(api.get(path))["previous_secret_expires_at"] is None


@pytest.mark.parametrize("seconds", [-1, 604_801, "60", 1.5, None, True])
def test_an_overlap_is_a_week_at_most(api: ApiConsumer, seconds: object) -> None:
    """In whole seconds; what is refused changes nothing."""
    endpoint = made(api)
    response = api.post(f"webhook-endpoints/{endpoint['id']}/rotate", {"overlap_seconds": seconds})
    problem = refused(response, 422)
    assert problem["errors"][0]["field"] == "overlap_seconds"
    assert EndpointSecret.objects.get().secret == endpoint["secret"]


def test_rotating_on_and_on_is_refused(api: ApiConsumer) -> None:
    """Each delivery is signed with all that are valid."""
    path = f"webhook-endpoints/{made(api)['id']}/rotate"
    answers = [api.post(path).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 422]
    refused(api.post(path), 422, "too_many_secrets")


def test_nobody_and_what_is_deleted_get_no_secret(api: ApiConsumer) -> None:
    """404 and 409."""
    refused(api.post(f"webhook-endpoints/{NOBODY}/rotate"), 404, "webhook_endpoint_not_found")
    path = f"webhook-endpoints/{made(api)['id']}"
    api.request("DELETE", path)
    refused(api.post(f"{path}/rotate"), 409, "forbidden_transition")


def test_no_other_answer_no_event_and_no_log_line_holds_a_secret(
    api: ApiConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is done with an endpoint."""
    caplog.set_level(logging.DEBUG)
    endpoint = made(api)
    path = f"webhook-endpoints/{endpoint['id']}"
    rotated = shown(api.post(f"{path}/rotate"))
    delivery = api.post(f"{path}/test")
    told = [
        api.get("webhook-endpoints"),
        api.get(path),
        api.request("PATCH", path, {"description": "else"}),
        *[api.post(f"{path}/{step}") for step in ("pause", "resume", "disable", "enable")],
        delivery,
        api.get(f"{path}/deliveries"),
        api.get(f"webhook-deliveries/{delivery.json()['id']}"),
        api.post(f"webhook-deliveries/{delivery.json()['id']}/resend"),
        api.post(f"{path}/deliveries/resend"),
        api.get("events"),
        api.request("DELETE", path),
    ]
    assert [each.status_code for each in told] == [200] * 13 + [204]
    lines = [f"{record.__dict__}" for record in caplog.records]
    assert any(endpoint["id"] in line for line in lines)
    for text in [*(each.content.decode() for each in told), *lines]:
        assert endpoint["secret"] not in text
        assert rotated["secret"] not in text
