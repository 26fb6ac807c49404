"""What customers hold: JSON Web Tokens while they are signed in, and a token to choose a new password by mail.

Each JSON Web Token names its session. Its header must be ours byte by byte, so that nothing a stranger wrote is parsed
before its signature was found good, and no header chooses an algorithm.
"""

import functools
from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken, TokenError

from billing.models import Session, User


class KeyRing(TokenBackend):
    """Signs with the first key, and knows the tokens of all of them, which are tried in turn: there are few."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        options = settings.SIMPLE_JWT
        common = {"audience": options["AUDIENCE"], "issuer": options["ISSUER"]}
        super().__init__(options["ALGORITHM"], keys[0], **common)
        self._of_each_key = [TokenBackend(self.algorithm, key, **common) for key in keys]
        self._header = self.encode({}).partition(".")[0]

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """The claims. Raises TokenBackendError."""
        if str(token).partition(".")[0] != self._header:
            raise TokenBackendError("It has another header than ours.")
        for backend in self._of_each_key:
            try:
                return backend.decode(token, verify)
            except TokenBackendExpiredToken:
                raise
            except TokenBackendError:
                continue
        raise TokenBackendError("No key of ours has signed it, or its claims are wrong.")


@functools.lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> KeyRing:
    return KeyRing(keys)


class _Signed(tokens.Token):
    """A token of a session, signed by the ring."""

    def verify(self) -> None:
        """Raises TokenError."""
        super().verify()
        if not all(isinstance(self.payload.get(name), str) for name in ("sid", "jti")):
            raise TokenError("It names no session.")

    def get_token_backend(self) -> TokenBackend:
        return _ring(tuple(settings.JWT_KEYS))


class AccessToken(_Signed):
    """Opens the API for a quarter of an hour, as long as its session does."""

    token_type = "access"
    lifetime = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]

    @classmethod
    def of(cls, session: Session) -> "AccessToken":
        """A new one, valid from now on."""
        token = cls()
        token["sub"], token["sid"] = session.user_id, session.id
        return token


class RefreshToken(_Signed):
    """Is exchanged for new tokens, once."""

    token_type = "refresh"
    lifetime = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]

    @classmethod
    def of(cls, session: Session) -> "RefreshToken":
        """The one that is good now: the same text however often it is asked for."""
        token = cls()
        token["sub"], token["sid"], token["jti"] = session.user_id, session.id, session.refresh_id
        token.set_iat(at_time=session.refreshed_at)
        token["exp"] = int(session.expires_at.timestamp())
        return token


def reset_token(user: User) -> str:
    """Good once and for settings.PASSWORD_RESET_TIMEOUT, until the password changes or its owner signs in."""
    return f"{user.pk}.{default_token_generator.make_token(user)}"


def opens_reset(user: User | None, token: str) -> bool:
    """Whether `token` is a good one of this user's."""
    return user is not None and may_reset(user) and default_token_generator.check_token(user, token.partition(".")[2])


def may_reset(user: User) -> bool:
    """Staff's passwords are set in the admin: a mailbox is no way to the back office. Nor to what staff has closed."""
    return user.is_active and user.customer_id is not None and not user.is_staff and user.has_usable_password()
