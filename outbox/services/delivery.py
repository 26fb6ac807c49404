"""Delivering: held events that are due and the next batch of one shard, to one subscriber, under its lease."""

import logging

from config.kernel.errors import Unavailable
from outbox.models import HeldEvent, OutboxEvent
from outbox.services import consuming, leases, publishing
from outbox.services import held as held_events
from outbox.services.leases import Lease
from outbox.services.run import Batch, Run, Stop, blames_event
from outbox.services.sequencing import LogCorrupted
from outbox.subscribers.base import TransportError
from outbox.subscribers.registry import Consumer, PublishingSubscriber, Subscriber

logger = logging.getLogger(__name__)


def deliver(*, lease: Lease, subscriber: Subscriber, batch_size: int, stop: Stop) -> Run:
    """Do what can be done now and give the lease back. Raises LeaseLost, LogCorrupted."""
    run = Run(lease=lease, stop=stop)
    try:
        _retry_held(run, subscriber, batch_size)
        _deliver_next(run, subscriber, read(lease=run.lease, subscriber=subscriber, limit=batch_size))
    except (TransportError, Unavailable) as error:
        run.unreachable = error
    if run.unreachable is not None:
        logger.warning("%s backs off: %s", run.lease, run.unreachable)
        leases.back_off(lease=run.lease)
    return run


def read(*, lease: Lease, subscriber: Subscriber, limit: int) -> Batch:
    """The next `limit` positions of the shard; only events of interest are loaded. Raises LogCorrupted for a gap."""
    log = OutboxEvent.objects.filter(shard=lease.shard, position__gt=lease.position).order_by("position")
    if subscriber.hears_all:
        events = list(log[:limit])
        positions = [event.position for event in events]
    else:
        scanned = list(log.values_list("position", "type")[:limit])
        positions = [position for position, _ in scanned]
        interesting = [position for position, event_type in scanned if subscriber.hears(event_type)]
        events = list(log.filter(position__in=interesting)) if interesting else []
    through = lease.position + len(positions)
    if positions and positions[-1] != through:
        raise LogCorrupted(f"{lease}: positions {lease.position + 1} to {positions[-1]} have gaps")
    return Batch(events, through)


def _deliver_next(run: Run, subscriber: Subscriber, batch: Batch) -> None:
    if isinstance(subscriber, PublishingSubscriber) and batch.events:
        publishing.publish(run=run, subscriber=subscriber, batch=batch)
        return
    if isinstance(subscriber, Consumer):
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
