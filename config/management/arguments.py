"""What commands take on their command line, for `type=` of argparse: each raises ArgumentTypeError with a sentence."""

import datetime
from argparse import ArgumentTypeError

MAX_REASON_LENGTH = 500


def instant(text: str) -> datetime.datetime:
    """An ISO 8601 date, or instant; without an offset it is UTC."""
    try:
        parsed = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no ISO 8601 instant or date, like 2026-11-20T12:00:00Z") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)


def positive(text: str) -> int:
    """A number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def reason(text: str) -> str:
    """Why, without white space around it."""
    if not 1 <= len(text.strip()) <= MAX_REASON_LENGTH:
        raise ArgumentTypeError(f"send 1 to {MAX_REASON_LENGTH} characters")
    return text.strip()
