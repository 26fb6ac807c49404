"""From the log to deliveries: each event becomes one row for each endpoint that hears of it."""

from collections.abc import Sequence

from config.kernel import clock, db
from outbox.events import matches
from outbox.models import OutboxEvent
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.services import nudging


def wanted() -> set[str]:
    """The patterns of event types that any endpoint hears of at present."""
    return {
        pattern
        for listens_to in Endpoint.objects.collecting().values_list("events", flat=True)
        for pattern in listens_to
    }


def fan_out(*, events: Sequence[OutboxEvent]) -> None:
    """Requires a transaction, the relay's: a consumer of batches."""
    db.require_transaction()
    endpoints = Endpoint.objects.collecting().order_by("id").values_list("id", "events")
    hearing = {id: tuple(listens_to) for id, listens_to in endpoints}
    now = clock.now()
    rows = [
        Delivery(endpoint_id=endpoint, event=event, type=event.type, available_at=now, created_at=now)
        for event in events
        for endpoint, patterns in hearing.items()
        if matches(event.type, patterns)
    ]
    if rows:
        Delivery.objects.bulk_create(rows)
        nudging.nudge_after_commit()
