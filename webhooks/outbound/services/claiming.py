"""Which worker sends what: a claim is a conditional update, and lasts until the database's clock says otherwise."""

import uuid

from django.conf import settings
from django.db.models import Q

from config.kernel import clock, db
from outbox.models import DatabaseNow, seconds_from_now
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.states import DeliveryStatus


@db.transaction(idempotent=True, is_one_statement=True)
def due_endpoints() -> list[Endpoint]:
    """Enabled endpoints with something to send now, in the order they were made."""
    return list(Endpoint.objects.with_due_deliveries(clock.now()).order_by("id"))


def claim(*, endpoint: Endpoint, limit: int) -> list[Delivery]:
    """At most `limit` deliveries of `endpoint` that are due, longest due first, which nobody else sends for
    WEBHOOK_CLAIM_SECONDS. Each comes with its event.
    """
    ids = _due(endpoint, limit)
    if not ids:
        return []
    ticket = uuid.uuid4().hex
    _take(ids, ticket)
    return list(
        Delivery.objects.filter(id__in=ids, claimed_by=ticket).select_related("event").order_by("available_at", "id")
    )


def _due(endpoint: Endpoint, limit: int) -> list[str]:
    due = Delivery.objects.claimable(clock.now()).filter(endpoint=endpoint).order_by("available_at", "id")
    return list(due.values_list("id", flat=True)[:limit])


@db.transaction(idempotent=True, is_one_statement=True)
def _take(ids: list[str], ticket: str) -> None:
    """What another worker has taken meanwhile is not ours."""
    Delivery.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=DatabaseNow()), id__in=ids, status=DeliveryStatus.PENDING
    ).update(claimed_by=ticket, claimed_until=seconds_from_now(settings.WEBHOOK_CLAIM_SECONDS))


@db.transaction(idempotent=True, is_one_statement=True)
def give_back(deliveries: list[Delivery]) -> None:
    """What was claimed and not sent is anybody's again."""
    for_us = Q(id__in=[each.id for each in deliveries], claimed_by__in={each.claimed_by for each in deliveries})
    Delivery.objects.filter(for_us).update(claimed_by="", claimed_until=None)
