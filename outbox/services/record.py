"""Recording events, in the transaction that makes them happen."""

import zlib

from config.api.principals import Principal
from config.kernel import clock, correlation, db
from outbox.events import Event
from outbox.models import SHARDS, EventSource, OutboxEvent
from outbox.services import nudging


def record(*, source: EventSource, event: Event, actor: Principal, reason: str = "") -> None:
    """Requires a transaction that holds the lock of `source` (or inserts it). The event commits with the caller's rows.

    The number is taken now, the row is written in bulk just before the commit, and `source` is saved then if it was not
    saved after its last event. After the commit the relay is nudged.
    """
    db.require_transaction()
    source.event_sequence += 1
    aggregate_id = str(source.pk)
    db.before_commit(lambda: _store_sequence(source))
    db.insert_before_commit(
        OutboxEvent(
            type=event.type,
            version=event.version,
            data=event.model_dump(mode="json"),
            aggregate_type=source._meta.model_name or "",
            aggregate_id=aggregate_id,
            sequence=source.event_sequence,
            shard=shard_of(aggregate_id),
            actor=actor.actor,
            reason=reason,
            correlation_id=correlation.current(),
            occurred_at=clock.now(),
        )
    )
    nudging.nudge_after_commit()


def shard_of(aggregate_id: str) -> int:
    """0 to 63, the same for every event of one aggregate."""
    return zlib.crc32(aggregate_id.encode()) % SHARDS


def _store_sequence(source: EventSource) -> None:
    if source.stored_sequence != source.event_sequence:
        source.save(update_fields=["event_sequence"])
