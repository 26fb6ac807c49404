"""Business time, `now`. Signatures, tokens and throttles use wall time; leases use the database's time."""

import datetime
from collections.abc import Callable

from django.utils import timezone


def _none() -> datetime.timedelta:
    return datetime.timedelta(0)


_ahead: Callable[[], datetime.timedelta] = _none


def follow(ahead: Callable[[], datetime.timedelta]) -> None:
    """From here on business time is as far ahead of the wall as `ahead` says whenever somebody reads it."""
    global _ahead
    _ahead = ahead


def ahead() -> datetime.timedelta:
    """How far business time is ahead of the wall; nothing where there is no test clock."""
    return _ahead()


def wall() -> datetime.datetime:
    """The real time, aware, UTC: for what others measure with their own clocks, such as a provider's key window."""
    return timezone.now()


def now() -> datetime.datetime:
    """The current business time, aware, UTC: wall time, and what a test clock adds (`config.test_clock`)."""
    return timezone.now() + _ahead()
