"""Events that wait: taken up when they are due, or as soon as the payment they speak of becomes known."""

import logging
from collections.abc import Sequence

from config.celery import nudge
from config.kernel import clock, correlation, db
from config.kernel.errors import Unavailable
from outbox.models import OutboxEvent
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.services import applying
from webhooks.inbound.services.applying import Verdict
from webhooks.inbound.states import ProviderEventStatus

logger = logging.getLogger(__name__)

BATCH = 100


def sweep(*, limit: int = BATCH) -> int:
    """Try the due events again, each in a transaction of its own, oldest due first. Returns how many were taken up.

    Any number of sweeps may run at once: an event that another one holds is passed over.
    """
    due = ProviderEvent.objects.due(clock.now()).order_by("available_at", "id").values_list("id", "correlation_id")
    taken = 0
    for provider_event_id, correlation_id in list(due[:limit]):
        with correlation.bind(correlation_id, provider_event_id=provider_event_id):
            taken += _retry_or_note(provider_event_id)
    return taken


def _retry_or_note(provider_event_id: str) -> bool:
    """Whatever keeps one event from being tried must not hold up those that are due after it."""
    try:
        return _retry(provider_event_id)
    except Unavailable as error:
        logger.warning("provider event %s stays due: %s", provider_event_id, error)
        return False
    except applying.POISON as error:
        return _retry(provider_event_id, applying.failure(event=provider_event_id, error=error))


@db.transaction(idempotent=True)
def _retry(provider_event_id: str, verdict: Verdict | None = None) -> bool:
    """A `verdict` spares the try. False when the event is no longer due, or another sweep holds it."""
    due = ProviderEvent.objects.select_for_update(skip_locked=True).due(clock.now())
    row = due.filter(id=provider_event_id).first()
    if row is None:
        return False
    applying.conclude(row, verdict or applying.attempt(row))
    return True


def release_parked(*, events: Sequence[OutboxEvent]) -> None:
    """A consumer of payment.submitted and receipt.created. Requires the relay's transaction.

    What was parked for those payments or their money, refunds and disputes too, is due now.

    The sweep applies it in transactions of its own: the relay holds no payment's locks, and an event that cannot be
    applied holds up neither the others nor the relay. An event that is being parked at this very moment is not seen;
    its first retry finds the payment.
    """
    db.require_transaction()
    waiting: list[str] = []
    for provider in sorted({event.data["provider"] for event in events}):
        told = [event.data for event in events if event.data["provider"] == provider]
        waiting += ProviderEvent.objects.parked_for(
            provider=provider,
            our_references={each["payment"] for each in told},
            charge_references={each["provider_reference"] for each in told},
        )
    if waiting:
        parked = ProviderEvent.objects.filter(id__in=waiting, status=ProviderEventStatus.PARKED)
        parked.update(available_at=clock.now())
        db.after_commit(lambda: nudge("webhooks.inbound.sweep"))
