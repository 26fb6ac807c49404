"""Endpoints: who hears of what, at which address, signed with which secret; and whether anything is sent there now."""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Q

from config.api.idempotency import Created, IdempotencyKey, find_earlier, insert_once, key_fields
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import FieldError, ForbiddenTransition, Invalid, NotFound
from config.kernel.fields import by_id_or
from config.outgoing import addresses
from outbox import services as outbox
from outbox.events import matches
from outbox.services import catalogue
from outbox.states import advance
from webhooks.outbound import events
from webhooks.outbound.models import Endpoint, EndpointSecret
from webhooks.outbound.services import nudging, signing
from webhooks.outbound.states import DeliveryStatus, EndpointStatus

DEFAULT_OVERLAP_SECONDS = 86_400
MAX_OVERLAP_SECONDS = 7 * 86_400
CHUNK = 1000
MAX_SECRETS = 5
"""Each delivery is signed with all of them."""


class EndpointNotFound(NotFound):
    """There is no webhook endpoint {id}."""

    code = "webhook_endpoint_not_found"


class UrlRefused(Invalid):
    """Nothing can be sent to this address: {why}"""

    code = "webhook_url_refused"


class UnknownEventType(Invalid):
    """{pattern} names no type of event: see docs/events.md."""

    code = "unknown_event_type"


class TooManySecrets(Invalid):
    """{id} has {count} secrets that are still valid: wait until one expires, or rotate without overlap."""

    code = "too_many_secrets"


def create_endpoint(
    *,
    actor: Principal,
    url: str,
    listens_to: Sequence[str],
    description: str,
    key: IdempotencyKey | None,
    reason: str = "",
) -> Created[Endpoint]:
    """A new endpoint with its secret, or the one an earlier request with the same key made.

    Raises UrlRefused, UnknownEventType, IdempotencyKeyReused.
    """

    def insert() -> Endpoint:
        endpoint = Endpoint(
            url=url, events=list(listens_to), description=description, created_at=clock.now(), **key_fields(key)
        )
        _record(endpoint, events.EndpointCreated, actor, reason)
        endpoint.save(force_insert=True)
        return endpoint

    @db.transaction(idempotent=key is not None)
    def create() -> Created[Endpoint]:
        created = insert_once(Endpoint, key, insert)
        if created.is_new:
            _add_secret(created.row)
        return created

    if earlier := find_earlier(Endpoint, key):
        return earlier
    _check_url(url)
    _check_events(listens_to)
    return create()


def update_endpoint(*, actor: Principal, endpoint_id: str, changes: dict[str, Any], reason: str = "") -> Endpoint:
    """Set the given fields out of url, events, description. A new address has not failed yet.

    Raises EndpointNotFound, ForbiddenTransition for a deleted one, UrlRefused, UnknownEventType.
    """
    if "url" in changes:
        _check_url(changes["url"])
    if "events" in changes:
        _check_events(changes["events"])

    @db.transaction(idempotent=True)
    def update() -> Endpoint:
        endpoint = lock(endpoint_id, action="change")
        moved = changes.get("url", endpoint.url) != endpoint.url
        for name, value in changes.items():
            setattr(endpoint, name, value)
        if moved:
            endpoint.failing_since = None
        _record(endpoint, events.EndpointUpdated, actor, reason)
        endpoint.save(update_fields=[*changes, "failing_since"])
        return endpoint

    return update()


@db.transaction(idempotent=False)
def rotate_secret(*, actor: Principal, endpoint_id: str, overlap_seconds: int, reason: str = "") -> str:
    """The new secret. The one before it goes on signing beside it for `overlap_seconds`, wall time.

    Raises EndpointNotFound, ForbiddenTransition for a deleted one, TooManySecrets.
    """
    endpoint = lock(endpoint_id, action="rotate the secret of")
    until = clock.wall() + datetime.timedelta(seconds=overlap_seconds)
    endpoint.secrets.filter(Q(expires_at=None) | Q(expires_at__gt=until)).update(expires_at=until)
    count = len(valid_secrets(endpoint)) if overlap_seconds else 0
    if count >= MAX_SECRETS:
        raise TooManySecrets(id=endpoint.id, count=count)
    _record(endpoint, events.EndpointSecretRotated, actor, reason)
    endpoint.save(update_fields=[])
    return _add_secret(endpoint).secret


def pause(*, actor: Principal, endpoint_id: str, reason: str = "") -> Endpoint:
    """Send nothing until it is resumed; events go on to be collected. Raises EndpointNotFound, ForbiddenTransition."""
    return _move(endpoint_id, "pause", events.EndpointPaused, actor, reason)


def resume(*, actor: Principal, endpoint_id: str, reason: str = "") -> Endpoint:
    """Send what has waited, and what comes. Raises EndpointNotFound, ForbiddenTransition."""
    return _move(endpoint_id, "resume", events.EndpointResumed, actor, reason, after=_start_afresh)


def disable(*, actor: Principal, endpoint_id: str, reason: str = "") -> Endpoint:
    """Collect and send nothing more. Raises EndpointNotFound, ForbiddenTransition."""

    def note(endpoint: Endpoint) -> None:
        endpoint.disabled_because = reason or "it was disabled by hand"

    return _move(endpoint_id, "disable", events.EndpointDisabled, actor, reason, after=note)


def enable(*, actor: Principal, endpoint_id: str, reason: str = "") -> Endpoint:
    """Collect again, and send what was left. Raises EndpointNotFound, ForbiddenTransition."""
    return _move(endpoint_id, "enable", events.EndpointEnabled, actor, reason, after=_start_afresh)


def delete(*, actor: Principal, endpoint_id: str, reason: str = "") -> Endpoint:
    """Send nothing there any more; what was waiting is dead. Raises EndpointNotFound, ForbiddenTransition."""
    endpoint = _move(endpoint_id, "remove", events.EndpointDeleted, actor, reason)
    while _bury_some(endpoint):
        """However many there are, nobody waits for all of them."""
    return endpoint


def valid_secrets(endpoint: Endpoint) -> list[str]:
    """Newest first."""
    valid = endpoint.secrets.filter(Q(expires_at=None) | Q(expires_at__gt=clock.wall()))
    return list(valid.order_by("-id").values_list("secret", flat=True))


def lock(endpoint_id: str, *, action: str) -> Endpoint:
    """Requires a transaction. Raises EndpointNotFound, ForbiddenTransition for a deleted one."""
    db.require_transaction()
    endpoint = by_id_or(EndpointNotFound, Endpoint.objects.select_for_update(), endpoint_id)
    if endpoint.status == EndpointStatus.DELETED:
        raise ForbiddenTransition(action=action, resource="webhook endpoint", status=endpoint.status, id=endpoint.id)
    return endpoint


def disable_locked(endpoint: Endpoint, *, actor: Principal, because: str) -> None:
    """Requires a transaction that holds the lock of `endpoint`, which collects: its receiver is gone."""
    db.require_transaction()
    endpoint.disable()
    endpoint.disabled_because = because
    _record(endpoint, events.EndpointDisabled, actor, because)
    endpoint.save()


@db.transaction(idempotent=False)
def _move(
    endpoint_id: str,
    transition: str,
    event: type[events.EndpointEvent],
    actor: Principal,
    reason: str,
    *,
    after: Callable[[Endpoint], None] = lambda endpoint: None,
) -> Endpoint:
    endpoint = lock(endpoint_id, action=transition)
    advance(endpoint, transition)
    after(endpoint)
    _record(endpoint, event, actor, reason)
    endpoint.save()
    return endpoint


def _start_afresh(endpoint: Endpoint) -> None:
    """What it failed at before says nothing of it any more; nothing waits for a delay that has lost its sense."""
    now = clock.now()
    endpoint.failing_since = None
    endpoint.disabled_because = ""
    endpoint.deliveries.filter(status=DeliveryStatus.PENDING, available_at__gt=now).update(available_at=now)
    nudging.nudge_after_commit()


@db.transaction(idempotent=True)
def _bury_some(endpoint: Endpoint) -> int:
    pending = endpoint.deliveries.filter(status=DeliveryStatus.PENDING).order_by("id")
    some = list(pending.values_list("id", flat=True)[:CHUNK])
    return endpoint.deliveries.filter(id__in=some, status=DeliveryStatus.PENDING).update(
        status=DeliveryStatus.DEAD, available_at=None, error="the endpoint was deleted", ended_at=clock.now()
    )


def _record(endpoint: Endpoint, event: type[events.EndpointEvent], actor: Principal, reason: str) -> None:
    outbox.record(source=endpoint, event=events.of_endpoint(event, endpoint), actor=actor, reason=reason)


def _add_secret(endpoint: Endpoint) -> EndpointSecret:
    return EndpointSecret.objects.create(endpoint=endpoint, secret=signing.new_secret(), created_at=clock.now())


def _check_url(url: str) -> None:
    try:
        addresses.check_url(
            url, https_only=settings.WEBHOOK_HTTPS_ONLY, allow_private=settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES
        )
    except addresses.UrlRefused as refused:
        error = FieldError("url", UrlRefused.code, str(refused))
        raise UrlRefused(errors=(error,), why=str(refused)) from refused


def _check_events(patterns: Sequence[str]) -> None:
    types = catalogue.events()
    for number, pattern in enumerate(patterns):
        if not any(matches(each, (pattern,)) for each in types):
            detail = "Send types of docs/events.md, or * for any part of one."
            error = FieldError(f"events.{number}", UnknownEventType.code, detail)
            raise UnknownEventType(errors=(error,), pattern=pattern)
