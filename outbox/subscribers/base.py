"""What a publisher is, what it is given, and the one failure that is nobody's event's fault."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from django.conf import settings


class TransportError(Exception):
    """The subscriber could not be reached: no event is to blame, and all of them can be sent later."""


class EventTooLarge(Exception):
    """The subscriber takes no event of that size: it is held, and staff decides."""


def budget_seconds() -> float:
    """How long one `publish` may take: half a lease, so that the other half is left for moving the cursor."""
    return float(settings.OUTBOX_LEASE_SECONDS) / 2


class PublishedEvent(NamedTuple):
    """An event as it goes out; the names are those of OutboxEvent.

    `data` is its JSON text as stored, `occurred_at` business time as RFC 3339 in UTC with microseconds.
    """

    id: str
    type: str
    version: int
    data: str
    aggregate_type: str
    aggregate_id: str
    sequence: int
    shard: int
    position: int
    actor: str
    correlation_id: str
    occurred_at: str


class Publisher(Protocol):
    """Sends events out. One instance per process, made with the `options` of its entry in EVENT_PUBLISHERS."""

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Deliver `events` in this order and return when the subscriber has them all; within half a lease.

        Raises TransportError when the subscriber could not be reached. Anything else blames an event: the relay then
        sends the batch again in halves until it knows which one, so events before it arrive again. An implementation
        must not have delivered an event of an aggregate after one that failed.
        """
        ...
