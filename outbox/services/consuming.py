"""Consumers: the effect and the move of the cursor commit together, so each event takes effect once.

One of batches is given all at once; should that fail, one by one, so that what cannot be taken is held alone.
"""

import logging
from collections.abc import Sequence

from config.kernel import correlation, db
from outbox.models import HeldEvent, OutboxEvent
from outbox.services import held as held_events
from outbox.services import leases
from outbox.services.leases import Lease
from outbox.services.run import Batch, Run, blames_event
from outbox.subscribers.registry import Consumer

logger = logging.getLogger(__name__)


def consume(*, run: Run, consumer: Consumer, batch: Batch[OutboxEvent]) -> None:
    """Let every event of `batch` take effect or hold it; stops between two events when asked to."""
    blocked = held_events.blocked_aggregates(run=run, events=batch.events)
    if consumer.takes_batches and not blocked and _consume_together(run, consumer, batch.events):
        return
    for event in batch.events:
        if run.stop():
            return
        _consume_one(run, consumer, event, blocked)


@db.transaction(idempotent=True)
def consume_held(*, lease: Lease, consumer: Consumer, held: HeldEvent) -> None:
    """Let a held event take effect; staff may skip it meanwhile, and that rolls the effect back."""
    with correlation.bind(held.event.correlation_id):
        consumer.handle([held.event])
    leases.check(lease=lease)
    held_events.settle(held=held)


def _consume_together(run: Run, consumer: Consumer, events: Sequence[OutboxEvent]) -> bool:
    """Whether all of them took effect; if not, one of them is to blame, and going through them tells which."""
    if not events:
        return True
    try:
        run.moved_to(_take_effect(lease=run.lease, consumer=consumer, events=events))
    except Exception as error:
        if not blames_event(error):
            raise
        logger.warning("%s takes a batch one by one: %s", consumer.name, error)
        return False
    run.delivered += len(events)
    return True


def _consume_one(run: Run, consumer: Consumer, event: OutboxEvent, blocked: set[str]) -> None:
    failure: Exception | None = None
    if event.aggregate_id not in blocked:
        try:
            with correlation.bind(event.correlation_id):
                run.moved_to(_take_effect(lease=run.lease, consumer=consumer, events=[event]))
            run.delivered += 1
            return
        except Exception as error:
            if not blames_event(error):
                raise
            logger.exception("%s cannot take event %s", consumer.name, event.pk)
            failure = error
    run.moved_to(held_events.hold(lease=run.lease, event=event, error=failure))
    run.held += 1
    blocked.add(event.aggregate_id)


@db.transaction(idempotent=True)
def _take_effect(*, lease: Lease, consumer: Consumer, events: Sequence[OutboxEvent]) -> Lease:
    consumer.handle(events)
    return leases.move(lease=lease, position=events[-1].position or 0, release=False)
