"""Who is asking: `Authorization: Bearer`, with a back end's API key, `qt_…`, or a customer's access token."""

import hmac
import re

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError

from billing import services
from billing.models import ApiKey, Session
from billing.tokens import AccessToken
from config.api import principals
from config.api.principals import Principal
from config.kernel.prepared import Select

_KEY = re.compile(r"qt_(?:test|live)_[a-z2-7]{52}")
_by_digest = Select(ApiKey.objects.all(), "secret_hash")
_by_id = Select(Session.objects.with_user(), "id")


class InvalidCredentials(AuthenticationFailed):
    """Says no more than that, so that nobody learns which keys exist, expired or were revoked."""

    default_code = "invalid_credentials"
    default_detail = "The API key is unknown, expired or revoked."


class InvalidToken(AuthenticationFailed):
    """Not ours, of another kind, from the future, or of a session that has ended."""

    default_code = "invalid_token"
    default_detail = "The access token is not valid, or its session has ended: sign in again."


class TokenExpired(AuthenticationFailed):
    """Was good once."""

    default_code = "token_expired"
    default_detail = "The access token has expired: refresh it."


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.user` to the Principal and `request.auth` to the ApiKey."""

    def authenticate(self, request: Request) -> tuple[Principal, ApiKey] | None:
        """None without a bearer token (a 401 where one is needed) and for a JWT; raises InvalidCredentials."""
        token = _bearer(request)
        if token is None or _is_jwt(token):
            return None
        api_key = _find(token)
        if api_key is None or not api_key.is_usable(timezone.now()):
            raise InvalidCredentials()
        services.record_use(api_key)
        return Principal(kind="api_key", id=api_key.pk, scopes=frozenset(api_key.scopes)), api_key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionAuthentication(BaseAuthentication):
    """Sets `request.user` to the customer and `request.auth` to the Session."""

    def authenticate(self, request: Request) -> tuple[Principal, Session] | None:
        """None without a JWT; raises TokenExpired or InvalidToken for a bad one. One statement."""
        token = _bearer(request)
        if token is None or not _is_jwt(token):
            return None
        session = _by_id.one(_session_id(token))
        if session is None or session.revoked_at is not None or session.expires_at <= timezone.now():
            raise InvalidToken()
        if not session.is_of_active_user or session.customer_id is None:
            raise InvalidToken()
        return principals.customer(session.customer_id), session

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_jwt(token: str) -> bool:
    return token.count(".") == 2


def _session_id(token: str) -> str:
    try:
        return str(AccessToken(token)["sid"])  # type: ignore[arg-type]
    except ExpiredTokenError as error:
        raise TokenExpired() from error
    except TokenError as error:
        raise InvalidToken() from error


def _find(token: str) -> ApiKey | None:
    """By the digest: how long the index takes tells nothing about the secret behind it."""
    if not _KEY.fullmatch(token):
        return None
    digest = services.hash_secret(token)
    api_key = _by_digest.one(digest)
    return api_key if api_key is not None and hmac.compare_digest(api_key.secret_hash, digest) else None
