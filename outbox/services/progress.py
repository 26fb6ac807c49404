"""What the passes of a relay have achieved, and whose turn is next."""

import dataclasses
import logging
import math
import random

from outbox.models import Cursor
from outbox.services import leases
from outbox.services.leases import Lease, LeaseLost

logger = logging.getLogger(__name__)

ServedAt = dict[int, float]
"""When a relay served which cursor latest, by its id: monotonic seconds."""


@dataclasses.dataclass
class Progress:
    """How many events were numbered, delivered, newly held; how often a shard backed off or a lease was lost.

    `moved` counts positions that cursors passed, events of no interest included; `full_batches` those that left more
    behind them, as far as one can tell.
    """

    sequenced: int = 0
    delivered: int = 0
    held: int = 0
    moved: int = 0
    backed_off: int = 0
    leases_lost: int = 0
    full_batches: int = 0

    @property
    def did_something(self) -> bool:
        """Whether another pass may find more to do."""
        return bool(self.sequenced or self.delivered or self.moved)

    def __iadd__(self, other: "Progress") -> "Progress":
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self

    def note_lost(self, lease: Lease) -> None:
        """Nothing is to be mended: whatever was done under it is rolled back, or refused."""
        logger.warning("the lease of %s was lost to another relay, which goes on from there", lease)
        self.leases_lost += 1

    def back_off(self, lease: Lease) -> None:
        """Give the lease back for a while."""
        try:
            leases.back_off(lease=lease)
        except LeaseLost:
            self.note_lost(lease)
        else:
            self.backed_off += 1


def by_turns(cursors: list[Cursor], served_at: ServedAt) -> list[Cursor]:
    """Longest unserved first, else in random order, for other relays are at it too."""
    random.shuffle(cursors)
    return sorted(cursors, key=lambda cursor: served_at.get(cursor.pk, -math.inf))
