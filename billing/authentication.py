"""Who is asking: `Authorization: Bearer qt_…`."""

import hmac
import re

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from billing import services
from billing.models import ApiKey
from config.api.principals import Principal
from config.kernel.prepared import Select

_KEY = re.compile(r"qt_(?:test|live)_[a-z2-7]{52}")
_by_digest = Select(ApiKey.objects.all(), "secret_hash")


class InvalidCredentials(AuthenticationFailed):
    """Says no more than that, so that nobody learns which keys exist, expired or were revoked."""

    default_code = "invalid_credentials"
    default_detail = "The API key is unknown, expired or revoked."


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.user` to the Principal and `request.auth` to the ApiKey."""

    def authenticate(self, request: Request) -> tuple[Principal, ApiKey] | None:
        """None without a bearer token (a 401 where one is needed); raises InvalidCredentials for a bad one."""
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        api_key = _find(token.strip())
        if api_key is None or not api_key.is_usable(timezone.now()):
            raise InvalidCredentials()
        services.record_use(api_key)
        return Principal(kind="api_key", id=api_key.pk, scopes=frozenset(api_key.scopes)), api_key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _find(token: str) -> ApiKey | None:
    """By the digest: how long the index takes tells nothing about the secret behind it."""
    if not _KEY.fullmatch(token):
        return None
    digest = services.hash_secret(token)
    api_key = _by_digest.one(digest)
    return api_key if api_key is not None and hmac.compare_digest(api_key.secret_hash, digest) else None
