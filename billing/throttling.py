"""How often something may be asked: counted in the cache, in windows, before anything is looked at.

Counts end with their window, so nobody is shut out for longer, and without a cache nobody is. Raising a count and
reading it is one step, so that many requests at once are no way around a limit.
"""

import ipaddress
import logging
import re
from collections.abc import Mapping

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import Throttled

from config.kernel import clock

logger = logging.getLogger(__name__)

SITE_BITS = 48
"""Of an IPv6 address: what one customer of a provider is given at most."""
_WITH_PORT = re.compile(r"^(?:([\d.]+)|\[(.+)\])(?::\d+)?$")


class TooManyRequests(Throttled):
    """429, whether or not the request was right."""

    default_code = "too_many_requests"
    default_detail = "This was asked too often."
    extra_detail_singular = "Try again in {wait} second."
    extra_detail_plural = "Try again in {wait} seconds."


class Counts:
    """How often `what` was asked in this window of each of `names`, {kind: name}, against {kind: limit}."""

    def __init__(
        self, what: str, *, names: Mapping[str, str], limits: Mapping[str, int], window_seconds: float
    ) -> None:
        now = clock.wall().timestamp()
        self._what, self._limits, self._window_seconds = what, limits, window_seconds
        self._left_seconds = window_seconds - now % window_seconds
        self._keys = {kind: _key(what, kind, int(now // window_seconds), names[kind]) for kind in limits}

    def count(self, refusal: type[Throttled] = TooManyRequests) -> None:
        """In the order of the limits; what is refused by one does not count for the next. Raises `refusal`."""
        for kind, limit in self._limits.items():
            if self._raised(self._keys[kind], 1) > limit:
                logger.warning("%s refused: too many", self._what, extra={"limit": kind})
                raise refusal(wait=self._left_seconds)

    def take_back(self) -> None:
        for kind in self._limits:
            self._raised(self._keys[kind], -1)

    def _raised(self, key: str, by: int) -> int:
        """The count, raised; 0 when the cache does not answer: better a guess more than everybody shut out."""
        try:
            cache.add(key, 0, timeout=self._window_seconds)
            return int(cache.incr(key, by))
        except Exception as error:
            logger.warning("%s is not counted: %s", self._what, error)
            return 0


def count(request: HttpRequest, what: str, *, account: str) -> None:
    """Count a request for `what` of settings.ACCOUNT_LIMITS; raises TooManyRequests."""
    Counts(
        what,
        names={"account": account, "address": client_address(request)},
        limits=settings.ACCOUNT_LIMITS[what],
        window_seconds=settings.ACCOUNT_WINDOW_SECONDS,
    ).count()


def _key(what: str, kind: str, window: int, name: str) -> str:
    """Says neither who nor where."""
    return f"{what}:{kind}:{window}:{salted_hmac('billing.throttling', name, algorithm='sha256').hexdigest()}"


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
            logger.warning("clients cannot be told apart by address: %s is none", ascii(told[:60]))
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, SITE_BITS), strict=False))
    return str(address)
