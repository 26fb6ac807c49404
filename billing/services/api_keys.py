"""Every write to API keys. Times here are wall time: a test clock must not bring a revoked credential back."""

import base64
import dataclasses
import datetime
import hashlib
import secrets
from collections.abc import Collection

from django.db.models import Q
from django.utils import timezone

from billing.models import ApiKey
from config.api.principals import Principal
from config.api.scopes import SCOPES
from config.kernel import db
from config.kernel.errors import Conflict, FieldError, Invalid, NotFound
from config.kernel.fields import by_id_or

SECRET_BYTES = 32
SHOWN_CHARACTERS = 8
USE_RECORDED_EVERY = datetime.timedelta(minutes=1)


class InvalidApiKey(Invalid):
    """The API key cannot be created like this."""

    code = "invalid_api_key"


class ApiKeyNotFound(NotFound):
    """There is no API key {id}."""

    code = "api_key_not_found"


class ApiKeyAlreadyRevoked(Conflict):
    """API key {id} was revoked before."""

    code = "api_key_already_revoked"


@dataclasses.dataclass(frozen=True)
class CreatedApiKey:
    """`secret` is the whole key, "qt_test_…": nothing can show it again."""

    api_key: ApiKey
    secret: str = dataclasses.field(repr=False)


@db.transaction(idempotent=False)
def create_api_key(
    *,
    name: str,
    scopes: Collection[str],
    mode: str,
    actor: Principal,
    expires_at: datetime.datetime | None = None,
) -> CreatedApiKey:
    """A new key of `mode` "test" or "live". Raises InvalidApiKey for an unknown scope or mode, no scopes, no name."""
    errors = tuple(_errors(name=name, scopes=scopes, mode=mode))
    if errors:
        raise InvalidApiKey(" ".join(error.detail for error in errors), errors=errors)
    head = f"qt_{mode}_"
    secret = head + base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=").lower()
    api_key = ApiKey.objects.create(
        name=name.strip(),
        mode=mode,
        prefix=secret[: len(head) + SHOWN_CHARACTERS],
        secret_hash=hash_secret(secret),
        scopes=sorted(set(scopes)),
        created_at=timezone.now(),
        created_by=actor.actor,
        expires_at=expires_at,
    )
    return CreatedApiKey(api_key, secret)


def _errors(*, name: str, scopes: Collection[str], mode: str) -> list[FieldError]:
    errors = [
        FieldError("scopes", "unknown_scope", f"There is no scope {scope}; known are {', '.join(SCOPES)}.")
        for scope in sorted(set(scopes) - SCOPES.keys())
    ]
    if not scopes:
        errors.append(FieldError("scopes", "required", "Give the key at least one scope."))
    if mode not in ApiKey.Mode.values:
        errors.append(FieldError("mode", "unknown_mode", f"Choose one of {', '.join(ApiKey.Mode.values)}."))
    if not 1 <= len(name.strip()) <= 100:
        errors.append(FieldError("name", "invalid_name", "Give the key a name of 1 to 100 characters."))
    return errors


@db.transaction(idempotent=True)
def revoke_api_key(*, api_key_id: str, actor: Principal, reason: str) -> ApiKey:
    """The key stops working with the next request. Raises ApiKeyNotFound or ApiKeyAlreadyRevoked."""
    api_key = by_id_or(ApiKeyNotFound, ApiKey.objects.select_for_update(), api_key_id)
    if api_key.revoked_at is not None:
        raise ApiKeyAlreadyRevoked(id=api_key_id)
    api_key.revoked_at, api_key.revoked_by, api_key.revoked_reason = timezone.now(), actor.actor, reason
    api_key.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])
    return api_key


def record_use(api_key: ApiKey) -> None:
    """Keep `latest_used_at` to the minute: at most one write per key and minute, whatever the traffic."""
    now = timezone.now()
    if api_key.latest_used_at is None or api_key.latest_used_at <= now - USE_RECORDED_EVERY:
        _record_use(api_key_id=api_key.pk, now=now)


@db.transaction(idempotent=True)
def _record_use(*, api_key_id: str, now: datetime.datetime) -> None:
    stale = Q(latest_used_at__isnull=True) | Q(latest_used_at__lte=now - USE_RECORDED_EVERY)
    ApiKey.objects.filter(stale, pk=api_key_id).update(latest_used_at=now)


def hash_secret(secret: str) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
