"""Delivering: held events that are due and the next batch of one shard, to one subscriber, under its lease."""

import logging

from config.kernel.errors import Unavailable
from outbox.models import HeldEvent
from outbox.services import consuming, leases, publishing, reading
from outbox.services import held as held_events
from outbox.services.leases import Lease
from outbox.services.run import Run, Stop, blames_event
from outbox.subscribers.base import TransportError
from outbox.subscribers.registry import Consumer, PublishingSubscriber, Subscriber

logger = logging.getLogger(__name__)


def deliver(
    *,
    lease: Lease,
    subscriber: Subscriber,
    batch_size: int,
    stop: Stop,
    has_due_events: bool = True,
    has_held_events: bool = True,
) -> Run:
    """Do what can be done now and give the lease back. Raises LeaseLost, LogCorrupted.

    What the cursor was found without, as `with_undelivered_events` says, is not looked for again.
    """
    run = Run(lease=lease, stop=stop, has_held_events=has_held_events)
    try:
        if has_due_events:
            _retry_held(run, subscriber, batch_size)
        _deliver_next(run, subscriber, batch_size)
    except (TransportError, Unavailable) as error:
        run.unreachable = error
    if run.unreachable is not None:
        logger.warning("%s backs off: %s", run.lease, run.unreachable)
        leases.back_off(lease=run.lease)
    return run


def _deliver_next(run: Run, subscriber: Subscriber, limit: int) -> None:
    through = run.lease.position
    if isinstance(subscriber, PublishingSubscriber):
        outgoing = reading.for_publisher(lease=run.lease, subscriber=subscriber, limit=limit)
        if outgoing.events:
            publishing.publish(run=run, subscriber=subscriber, batch=outgoing)
            return
        through = outgoing.through
    if isinstance(subscriber, Consumer):
        batch = reading.for_consumer(lease=run.lease, subscriber=subscriber, limit=limit)
        consuming.consume(run=run, consumer=subscriber, batch=batch)
        through = run.lease.position if run.stop() else batch.through
    run.moved_to(leases.give_back(lease=run.lease, position=through))


def _retry_held(run: Run, subscriber: Subscriber, limit: int) -> None:
    due = HeldEvent.objects.due().filter(subscriber=subscriber.name, shard=run.lease.shard)
    for _ in range(limit):
        held = due.select_related("event").order_by("position").first()
        if held is None or run.stop():
            return
        _retry_one(run, subscriber, held)


def _retry_one(run: Run, subscriber: Subscriber, held: HeldEvent) -> None:
    """What does not blame the event, a TransportError for one, comes out and costs it no try."""
    try:
        if isinstance(subscriber, Consumer):
            consuming.consume_held(lease=run.lease, consumer=subscriber, held=held)
        elif isinstance(subscriber, PublishingSubscriber):
            publishing.publish_held(lease=run.lease, subscriber=subscriber, held=held)
        run.delivered += 1
    except held_events.ResolvedMeanwhile:
        logger.info("event %s was skipped while %s tried it", held.event_id, subscriber.name)
    except Exception as error:
        if not blames_event(error):
            raise
        held_events.fail_again(lease=run.lease, held=held, error=error)
