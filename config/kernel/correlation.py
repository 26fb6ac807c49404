"""The correlation id: one opaque string that follows a request through tasks, events, provider calls and logs."""

import contextlib
import logging
import re
from collections.abc import Iterator
from contextvars import ContextVar

from config.kernel import ids

HEADER = "X-Request-ID"
MAX_LENGTH = 100
PATTERN = rf"[A-Za-z0-9._:/+=@-]{{1,{MAX_LENGTH}}}"
"""What is safe in headers and logs."""
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def current() -> str:
    """The id bound to this context, or the empty string outside any."""
    return _current.get()


def accept_or_new(candidate: str | None) -> str:
    """`candidate` when it is 1 to 100 characters that are safe in headers and logs, else a fresh "req_…" id."""
    if candidate and re.fullmatch(PATTERN, candidate):
        return candidate
    return ids.encode("req", ids.new_uuid())


@contextlib.contextmanager
def bind(correlation_id: str) -> Iterator[str]:
    """Make `correlation_id` current inside the block."""
    token = _current.set(correlation_id)
    try:
        yield correlation_id
    finally:
        _current.reset(token)


class LogFilter(logging.Filter):
    """Gives every record the attribute `correlation_id`, "-" outside any context."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = current() or "-"
        return True
