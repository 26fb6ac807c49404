"""When a receiver wants to be asked again."""

import datetime
import email.utils

MAX_SECONDS = 86_400.0


def seconds(value: str, *, now: datetime.datetime) -> float | None:
    """From a Retry-After header, in seconds or as a date, at most a day; None for what is past or makes no sense."""
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_SECONDS)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    left = (at.replace(tzinfo=at.tzinfo or datetime.UTC) - now).total_seconds()
    return min(left, MAX_SECONDS) if left >= 0 else None
