"""Endpoints: made, changed, rotated, stopped and started; each step leaves who and why."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from config.api.idempotency import IdempotencyKey, IdempotencyKeyReused
from config.kernel import clock
from config.kernel.errors import DomainError, ForbiddenTransition
from outbox.models import OutboxEvent
from webhooks.outbound import services
from webhooks.outbound.models import Delivery, Endpoint, EndpointSecret
from webhooks.outbound.tests.support import ACTOR, happen, make_endpoint

pytestmark = pytest.mark.django_db(transaction=True)

KEY = IdempotencyKey(owner="merchant", operation="webhook_endpoints.create", digest="d" * 64, fingerprint="f")
MINE: dict[str, Any] = {"actor": ACTOR, "url": "https://1.1.1.1/hook", "listens_to": ["*"], "description": "mine"}


def test_one_key_makes_one_endpoint_with_one_secret() -> None:
    """Other input under the same key is refused."""
    first = services.create_endpoint(**MINE, key=KEY)
    again = services.create_endpoint(**MINE, key=KEY)
    assert (first.is_new, again.is_new, again.row.id) == (True, False, first.row.id)
    assert EndpointSecret.objects.count() == 1
    other = IdempotencyKey(KEY.owner, KEY.operation, KEY.digest, "another")
    with pytest.raises(IdempotencyKeyReused):
        services.create_endpoint(**MINE, key=other)


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/hook",
        "https://user:secret@1.1.1.1/",
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://localhost/",
        "https://2130706433/",
        "ftp://1.1.1.1/",
        "nonsense",
    ],
)
def test_an_address_that_nothing_is_sent_to_is_refused(url: str, settings: Settings) -> None:
    """As production has it, when it is made and when it is changed; nothing is stored."""
    settings.WEBHOOK_HTTPS_ONLY, settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES = True, False
    with pytest.raises(services.UrlRefused):
        services.create_endpoint(**MINE | {"url": url}, key=None)
    assert not Endpoint.objects.exists()
    endpoint = services.create_endpoint(**MINE, key=None).row
    with pytest.raises(services.UrlRefused):
        services.update_endpoint(actor=ACTOR, endpoint_id=endpoint.id, changes={"url": url})


def test_a_new_address_has_not_failed_yet() -> None:
    """Five days of failures at the old one say nothing of it; another description changes nothing."""
    endpoint = make_endpoint()
    since = clock.now()
    Endpoint.objects.update(failing_since=since)
    services.update_endpoint(actor=ACTOR, endpoint_id=endpoint.id, changes={"description": "ours"})
    assert Endpoint.objects.get().failing_since == since
    services.update_endpoint(actor=ACTOR, endpoint_id=endpoint.id, changes={"url": "http://127.0.0.1:9/new"})
    assert Endpoint.objects.get().failing_since is None


def test_a_type_that_does_not_exist_is_refused() -> None:
    """A subscription that can never hear anything is a mistake."""
    with pytest.raises(services.UnknownEventType):
        services.create_endpoint(**MINE | {"listens_to": ["invoice.*", "invoce.paid"]}, key=None)


def test_each_step_is_an_event_with_actor_and_reason() -> None:
    """Gap-free, as of every aggregate."""
    endpoint = make_endpoint()
    acts = (services.pause, services.resume, services.disable, services.enable, services.delete)
    for act in acts:
        act(actor=ACTOR, endpoint_id=endpoint.id, reason=f"because of {act.__name__}")
    told = OutboxEvent.objects.filter(aggregate_id=endpoint.id).order_by("sequence")
    assert [(each.sequence, each.type.partition(".")[2], each.reason) for each in told] == [
        (1, "created", ""),
        (2, "paused", "because of pause"),
        (3, "resumed", "because of resume"),
        (4, "disabled", "because of disable"),
        (5, "enabled", "because of enable"),
        (6, "deleted", "because of delete"),
    ]


def test_what_waited_for_a_deleted_endpoint_is_dead() -> None:
    """It cannot be sent again either, nor the endpoint changed, tested or rotated."""
    endpoint = make_endpoint()
    happen(3)
    services.delete(actor=ACTOR, endpoint_id=endpoint.id)
    assert set(Delivery.objects.values_list("status", "error")) == {("dead", "the endpoint was deleted")}
    delivery = Delivery.objects.all()[0]
    for act in (
        lambda: services.resend(actor=ACTOR, delivery_id=delivery.id),
        lambda: services.ping(actor=ACTOR, endpoint_id=endpoint.id),
        lambda: services.update_endpoint(actor=ACTOR, endpoint_id=endpoint.id, changes={"description": "x"}),
        lambda: services.rotate_secret(actor=ACTOR, endpoint_id=endpoint.id, overlap_seconds=0),
    ):
        with pytest.raises(ForbiddenTransition):
            act()
    assert services.resend_many(actor=ACTOR, deliveries=Delivery.objects.all(), limit=10) == 0


def test_a_rotated_secret_signs_until_its_time_is_over() -> None:
    """Newest first; without overlap at once; an overlap never lasts longer than it was to."""
    endpoint = make_endpoint()
    [first] = services.valid_secrets(endpoint)
    second = services.rotate_secret(actor=ACTOR, endpoint_id=endpoint.id, overlap_seconds=3600)
    assert services.valid_secrets(endpoint) == [second, first]
    third = services.rotate_secret(actor=ACTOR, endpoint_id=endpoint.id, overlap_seconds=60)
    assert services.valid_secrets(endpoint) == [third, second, first]
    expiries = list(endpoint.secrets.order_by("id").values_list("expires_at", flat=True))
    assert expiries[0] == expiries[1]
    fourth = services.rotate_secret(actor=ACTOR, endpoint_id=endpoint.id, overlap_seconds=0)
    assert services.valid_secrets(endpoint) == [fourth]


def test_a_delivery_is_signed_with_a_handful_of_secrets_at_most() -> None:
    """Rotating on and on is refused; without overlap it goes through."""
    endpoint = make_endpoint()
    for _ in range(4):
        services.rotate_secret(actor=ACTOR, endpoint_id=endpoint.id, overlap_seconds=3600)
    with pytest.raises(services.TooManySecrets):
        services.rotate_secret(actor=ACTOR, endpoint_id=endpoint.id, overlap_seconds=3600)
    assert len(services.valid_secrets(endpoint)) == 5
    services.rotate_secret(actor=ACTOR, endpoint_id=endpoint.id, overlap_seconds=0)
    assert len(services.valid_secrets(endpoint)) == 1


def test_many_are_sent_again_at_once_oldest_first() -> None:
    """No more than asked for."""
    make_endpoint()
    happen(5)
    Delivery.objects.update(status="dead", available_at=None, attempts=8)
    count = services.resend_many(
        actor=ACTOR, deliveries=Delivery.objects.filter(status="dead"), reason="they are back", limit=3
    )
    assert count == 3
    ordered = Delivery.objects.order_by("id").values_list("status", "attempts", "reason")
    assert list(ordered) == [("pending", 0, "they are back")] * 3 + [("dead", 8, "")] * 2


@pytest.mark.parametrize("act", [services.pause, services.resume, services.disable, services.enable, services.delete])
def test_nobody_is_nobody(act: Any) -> None:
    """Also an id of another kind."""
    with pytest.raises(DomainError):
        act(actor=ACTOR, endpoint_id="inv_nobody")
