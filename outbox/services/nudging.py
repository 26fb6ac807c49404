"""One message per window that makes the relay start at once instead of at the next beat. Losing it costs a second."""

import logging
import time

from django.conf import settings
from django.core.cache import cache
from django.db import connection

from config.celery import Breaker, nudge
from config.kernel import db

logger = logging.getLogger(__name__)

TASK = "outbox.relay"
WINDOW_KEY = "outbox:nudged"
PATIENCE_SECONDS = 0.05
"""A cache slower than this says that the broker, which lives beside it, is better left alone."""
_cache_breaker = Breaker()


def nudge_after_commit() -> None:
    """Requires a transaction: nudge the relay once after it commits, however many events it recorded."""
    db.require_transaction()
    if all(callback is not _nudge_relay for _, callback, *_ in connection.run_on_commit):
        db.after_commit(_nudge_relay)


def close_window() -> None:
    """Called by the task that relays as it starts: what commits from now on asks for another run."""
    if _cache_breaker.is_open:
        return
    try:
        cache.delete(WINDOW_KEY)
    except Exception as error:
        _cache_breaker.trip()
        logger.warning("nudges stay off until their window ends: %s", error)


def _nudge_relay() -> None:
    if _opens_window():
        nudge(TASK)


def _opens_window() -> bool:
    """Whether this commit is the first of its window and the cache answered fast enough to go on to the broker."""
    if _cache_breaker.is_open:
        return False
    started = time.monotonic()
    try:
        first = cache.add(WINDOW_KEY, 1, timeout=settings.OUTBOX_NUDGE_WINDOW_SECONDS)
    except Exception as error:
        _cache_breaker.trip()
        logger.warning("no nudge, the beat relays within a second: %s", error)
        return False
    return first and time.monotonic() - started < PATIENCE_SECONDS
