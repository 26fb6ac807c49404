"""Signing in with a password, which may be tried a few times only: settings.SIGN_IN_LIMITS.

A try is counted before its password is looked at and taken back when it was right, so that many at once are no way
around the limit. Counts live in the cache and end with their window: nobody is locked out for longer, and without a
cache nobody is. Why so: billing/README.md.
"""

import ipaddress
import logging
import re
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import Throttled

from billing.models import User
from config.kernel import clock

logger = logging.getLogger(__name__)

SITE_BITS = 48
"""Of an IPv6 address: what one customer of a provider is given at most."""
_WITH_PORT = re.compile(r"^(?:([\d.]+)|\[(.+)\])(?::\d+)?$")


class TooManyAttempts(Throttled):
    """429, whether or not the password was right."""

    default_code = "too_many_attempts"
    default_detail = "There were too many failed attempts to sign in."
    extra_detail_singular = "Try again in {wait} second."
    extra_detail_plural = "Try again in {wait} seconds."


class PasswordBackend(ModelBackend):
    """Django's own, with a bound on failures."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        """The user, or None when the password is wrong; raises TooManyAttempts without looking at it."""
        account = username or kwargs.get(User.USERNAME_FIELD)
        if account is None or password is None:
            return None
        tries = _Tries(account=User.objects.normalize_email(str(account)), address=client_address(request))
        tries.count()
        user = super().authenticate(request, username=account, password=password)
        if user is not None:
            tries.take_back()
        return user


class _Tries:
    """How often this account, this address and the two together have been tried in this window."""

    def __init__(self, *, account: str, address: str) -> None:
        window, now = settings.SIGN_IN_WINDOW_SECONDS, clock.wall().timestamp()
        self._left_seconds = window - now % window
        names = {"account": account, "address": address, "account_and_address": f"{account} {address}"}
        self._keys = {kind: _key(kind, int(now // window), name) for kind, name in names.items()}

    def count(self) -> None:
        """In the order of the settings; what is refused by one limit does not count for the next."""
        for kind, limit in settings.SIGN_IN_LIMITS.items():
            if _raised(self._keys[kind], 1) > limit:
                logger.warning("sign-in refused: too many failures", extra={"limit": kind})
                raise TooManyAttempts(wait=self._left_seconds)

    def take_back(self) -> None:
        for kind in settings.SIGN_IN_LIMITS:
            _raised(self._keys[kind], -1)


def _key(kind: str, window: int, name: str) -> str:
    """Says neither who nor where."""
    return f"sign-in:{kind}:{window}:{salted_hmac('billing.backends', name, algorithm='sha256').hexdigest()}"


def _raised(key: str, by: int) -> int:
    """The count, raised; 0 when the cache does not answer: better a guess more than staff locked out."""
    try:
        cache.add(key, 0, timeout=settings.SIGN_IN_WINDOW_SECONDS)
        return int(cache.incr(key, by))
    except Exception as error:
        logger.warning("sign-ins are not counted: %s", error)
        return 0


def client_address(request: HttpRequest | None) -> str:
    """Who is at the other end: of the proxy with TRUST_PROXY, else of the connection; "" when nobody can tell.

    An IPv6 site, which has 2^80 addresses to choose from, is one client.
    """
    told = request.META.get("REMOTE_ADDR", "") if request else ""
    if request and settings.TRUST_PROXY:
        told = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or told
    try:
        address = ipaddress.ip_address(_WITH_PORT.sub(r"\1\2", told))
    except ValueError:
        if request:
            logger.warning("sign-ins cannot be told apart by address: %s is none", ascii(told[:60]))
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, SITE_BITS), strict=False))
    return str(address)
