"""Reading the log as it grows. Nothing is leased, moved or remembered: whoever reads keeps the positions."""

import datetime
import heapq

from config.kernel import ids
from outbox.models import SEQUENCER, SHARDS, Cursor, OutboxEvent
from outbox.services.reading import before_first, published
from outbox.subscribers.base import PublishedEvent

Positions = dict[int, int]
"""Of each shard, the position up to which it has been read."""
BATCH = 500
"""Events of a shard that are read at once."""


def heads() -> Positions:
    """Where every shard ends now."""
    found = Cursor.objects.filter(subscriber=SEQUENCER).values_list("shard", "position")
    return dict.fromkeys(range(SHARDS), 0) | dict(found.order_by("shard"))


def positions_before(since: datetime.datetime) -> Positions:
    """Where to begin so as to read what was recorded at or after `since`, wall time, and is not archived."""
    return heads() | before_first(OutboxEvent.objects.filter(id__gte=ids.earliest("evt", since)))


def read_on(positions: Positions) -> list[PublishedEvent]:
    """The next events of every shard, roughly by time; `positions` moves past them, or not at all when this raises.

    Within a shard, and so within an aggregate, they stay in order whatever the clocks say.
    """
    behind = [shard for shard, head in heads().items() if head > positions[shard]]
    found = {shard: published(shard=shard, after=positions[shard], limit=BATCH) for shard in behind}
    for shard, events in found.items():
        positions[shard] = events[-1].position if events else positions[shard]
    return list(heapq.merge(*found.values(), key=lambda event: event.occurred_at))
