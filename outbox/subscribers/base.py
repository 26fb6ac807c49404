"""What a publisher is, and the one failure that is nobody's event's fault."""

from collections.abc import Sequence
from typing import Protocol

from outbox.models import OutboxEvent


class TransportError(Exception):
    """The subscriber could not be reached: no event is to blame, and all of them can be sent later."""


class Publisher(Protocol):
    """Sends events out. One instance per process, made with the `options` of its entry in EVENT_PUBLISHERS."""

    def publish(self, events: Sequence[OutboxEvent]) -> None:
        """Deliver `events` in this order and return when the subscriber has them all; within half a lease.

        Raises TransportError when the subscriber could not be reached. Anything else blames an event: the relay then
        sends the batch again in halves until it knows which one, so events before it arrive again. An implementation
        must not have delivered an event of an aggregate after one that failed.
        """
        ...
