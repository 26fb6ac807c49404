"""What no log line may hold: this deployment's secrets, credentials by their shape or name, and card numbers."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from config.api import card_numbers

HIDDEN = "***"
MIN_SECRET_LENGTH = 8
"""Shorter configured values are words like "root": hiding them everywhere would hide the log."""

_NAMES = "authorization|cookie|passw(?:or)?d|secret|token|signature|session_?id|csrf"
_SECRET_NAME = re.compile(_NAMES + "|api[_-]?key", re.IGNORECASE)
_VALUE = r"""(?:\\?"[^"\r\n]*"?|\\?'[^'\r\n]*'?|[^\s"',;&}\])]+)"""
_WHOLE_LINE = re.compile(
    r"""((?:authorization|cookie)["']?\s*[:=,]\s*)(?:"[^"\r\n]*"?|'[^'\r\n]*'?|[^\r\n]+)""", re.IGNORECASE
)
_ONE_VALUE = re.compile(rf"((?:{_NAMES})[\w-]{{0,30}}\\?[\"']?\s*[:=]\s*){_VALUE}", re.IGNORECASE)
_API_KEY = re.compile(rf"(api[_-]?key(?:\\?[\"']\s*[:=]|=|: )\s*){_VALUE}", re.IGNORECASE)
"""Not the actor "api_key:key_01h…", who is no secret."""
_SHAPES = (
    (_WHOLE_LINE, rf"\1{HIDDEN}"),
    (_ONE_VALUE, rf"\1{HIDDEN}"),
    (_API_KEY, rf"\1{HIDDEN}"),
    (re.compile(r"\bqt_(test|live)_[a-z2-7]{8,}"), rf"qt_\1_{HIDDEN}"),
    (re.compile(r"\b(whsec|simsec)_[\w+/=-]{8,}"), rf"\1_{HIDDEN}"),
    (re.compile(r"\b([rs]k)_(test|live)_\w{8,}"), rf"\1_\2_{HIDDEN}"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"://([^/\s:@]{0,100}):[^/\s@]{1,200}@"), rf"://\1:{HIDDEN}@"),
    (re.compile(r"\bsha256=[0-9A-Fa-f]{16,}"), f"sha256={HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
)
_HINTS = (
    "authorization",
    "cookie",
    "passw",
    "secret",
    "token",
    "signature",
    "session",
    "csrf",
    'api_key"',
    "api_key'",
    "api_key\\",
    "api_key=",
    "api_key: ",
    "apikey",
    "api-key",
    "qt_test_",
    "qt_live_",
    "sec_",
    "k_test_",
    "k_live_",
    "bearer",
    "basic ",
    "://",
    "sha256=",
    "eyj",
)
"""In lower case. A text that holds none of them has none of the shapes: the check that keeps ordinary lines cheap."""


def is_clean(text: str) -> bool:
    """Whether there is nothing to mask, for sure; cheap, and wrong only on the safe side."""
    lowered = text.lower()
    for hint in _HINTS:
        if hint in lowered:
            return False
    for secret in _configured():
        if secret in text:
            return False
    return not card_numbers.find(text)


def mask_text(text: str) -> str:
    """`text` without secrets and card numbers."""
    for secret in _configured():
        text = text.replace(secret, HIDDEN)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return card_numbers.mask_text(text)


@functools.lru_cache(maxsize=1024)
def is_clean_name(name: str) -> bool:
    """Whether neither the name nor what goes by it needs masking because of the name."""
    return not is_secret(name) and is_clean(name)


@functools.lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Whether what goes by this name is hidden whatever it looks like."""
    return _SECRET_NAME.search(name) is not None


@functools.cache
def _configured() -> tuple[str, ...]:
    """The secrets of this deployment's settings, the longest first."""
    return tuple(sorted({each for each in _settings() if len(each) >= MIN_SECRET_LENGTH}, key=len, reverse=True))


def _settings() -> Iterator[str]:
    yield from (settings.SECRET_KEY, settings.FINGERPRINT_KEY, *settings.JWT_KEYS, settings.METRICS_TOKEN)
    yield settings.EMAIL_HOST_PASSWORD
    for database in settings.DATABASES.values():
        yield str(database.get("PASSWORD", ""))
    for url in (settings.CELERY_BROKER_URL, *(str(each.get("LOCATION", "")) for each in settings.CACHES.values())):
        yield unquote(urlsplit(url).password or "")
        yield urlsplit(url).password or ""
    for provider in settings.PROVIDERS.values():
        yield from _secrets_in(provider)


def _secrets_in(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if is_secret(name):
            yield from map(str, value if isinstance(value, list | tuple) else [value])
