"""Business time, `now`. Signatures, tokens and throttles use wall time; leases use the database's time."""

import datetime

from django.utils import timezone


def wall() -> datetime.datetime:
    """The real time, aware, UTC: for what others measure with their own clocks, such as a provider's key window."""
    return timezone.now()


def now() -> datetime.datetime:
    """The current business time, aware, UTC."""
    return timezone.now()
