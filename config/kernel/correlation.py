"""The correlation id: one opaque string that follows a request through tasks, events, provider calls and logs."""

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from config.kernel import ids

HEADER = "X-Request-ID"
MAX_LENGTH = 100
PATTERN = rf"[A-Za-z0-9._:/+=@-]{{1,{MAX_LENGTH}}}"
"""What is safe in headers and logs."""
_current: ContextVar[str] = ContextVar("correlation_id", default="")
_fields: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)


def current() -> str:
    """The id bound to this context, or the empty string outside any."""
    return _current.get()


def accept_or_new(candidate: str | None) -> str:
    """`candidate` when it is 1 to 100 characters that are safe in headers and logs, else a fresh "req_…" id."""
    if candidate and re.fullmatch(PATTERN, candidate):
        return candidate
    return ids.encode("req", ids.new_uuid())


@contextlib.contextmanager
def bind(correlation_id: str, **fields: Any) -> Iterator[str]:
    """Make `correlation_id` current inside the block, and `fields` part of its log lines beside those around it."""
    token = _current.set(correlation_id)
    fields_token = _fields.set({**(_fields.get() or {}), **fields})
    try:
        yield correlation_id
    finally:
        _fields.reset(fields_token)
        _current.reset(token)


def note(**fields: Any) -> None:
    """Add `fields` to the innermost block's log lines from here to its end; outside any block it does nothing."""
    noted = _fields.get()
    if noted is not None:
        noted.update(fields)


def fields() -> dict[str, Any]:
    """What log lines tell besides the id; not to be changed."""
    return _fields.get() or {}
