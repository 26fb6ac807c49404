"""Types of events on a command line, for `type=` of argparse."""

from argparse import ArgumentTypeError
from collections.abc import Sequence

from outbox.events import matches
from outbox.services import catalogue
from webhooks.outbound.services.messages import PING


def pattern(text: str) -> str:
    """A type, or wildcards that some type matches. Raises ArgumentTypeError."""
    if not matching([text]):
        raise ArgumentTypeError(f"{text!r} names no type of event: docs/events.md has them all")
    return text


def matching(patterns: Sequence[str]) -> list[str]:
    """The types that any of `patterns` names, that of test pings too."""
    types = [*catalogue.events(), PING]
    return [each for each in types if matches(each, tuple(patterns))]
