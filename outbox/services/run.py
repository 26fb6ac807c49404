"""What delivering one batch carries along: the lease as it moves, when to stop, what was achieved."""

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError

from config.kernel import db
from config.kernel.errors import Unavailable
from outbox.services.leases import Lease, LeaseLost
from outbox.subscribers.base import TransportError

Event = TypeVar("Event")
Stop = Callable[[], bool]


@dataclasses.dataclass
class Run:
    """One lease at work. `moved` counts positions passed, events of no interest included.

    Without `has_held_events` no line is looked for. That was read together with the lease's token: who has begun a line
    since then has claimed the cursor, and this lease would not have been given.
    """

    lease: Lease
    stop: Stop
    has_held_events: bool = True
    delivered: int = 0
    held: int = 0
    moved: int = 0
    unreachable: Exception | None = None
    """Why the subscriber's shard backs off."""

    def moved_to(self, lease: Lease) -> None:
        self.moved += lease.position - self.lease.position
        self.lease = lease


@dataclasses.dataclass(frozen=True)
class Batch(Generic[Event]):
    """The events of interest, by position, up to the position `through`."""

    events: list[Event]
    through: int


def blames_event(error: Exception) -> bool:
    """Whether `error` says that this event cannot be taken, rather than that nothing can be done at the moment."""
    if isinstance(error, OperationalError):
        return bool(error.args) and error.args[0] not in db.CONNECTION_LOST
    return not isinstance(error, TransportError | Unavailable | LeaseLost | InterfaceError)
