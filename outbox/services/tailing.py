"""Reading the log as it grows. Nothing is leased, moved or remembered: whoever reads keeps the positions."""

import datetime
import heapq

from django.db.models import Min

from config.kernel import ids
from outbox.models import SEQUENCER, SHARDS, Cursor, OutboxEvent
from outbox.services.reading import published
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
    """Where to begin so as to read what was recorded at or after `since`, wall time."""
    recorded = OutboxEvent.objects.filter(id__gte=ids.earliest("evt", since), position__isnull=False)
    firsts = recorded.values("shard").annotate(first=Min("position")).values_list("shard", "first").order_by("shard")
    return heads() | {shard: first - 1 for shard, first in firsts}


def read_on(positions: Positions) -> list[PublishedEvent]:
    """The next events of every shard, roughly by time; `positions` moves past them.

    Within a shard, and so within an aggregate, they stay in order whatever the clocks say.
    """
    shards = []
    for shard, head in heads().items():
        if head > positions[shard]:
            events = published(shard=shard, after=positions[shard], limit=BATCH)
            positions[shard] += len(events)
            shards.append(events)
    return list(heapq.merge(*shards, key=lambda event: event.occurred_at))
