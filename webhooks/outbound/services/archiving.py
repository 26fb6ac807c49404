"""Old deliveries that have ended lie in a table of their own, each with its tries: workers look for work in fewer."""

import collections
import datetime
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from config.kernel import db, ids
from outbox.services import retention
from outbox.services.run import Stop
from webhooks.outbound.models import ArchivedDelivery, Attempt, Delivery
from webhooks.outbound.states import DeliveryStatus

CHUNK = 500
ENDED = (DeliveryStatus.DELIVERED, DeliveryStatus.DEAD)


def archive(*, before: datetime.datetime, stop: Stop, dry_run: bool = False) -> int:
    """Move the deliveries that ended before then, business time; how many.

    They are not sent again. `stop` is asked between chunks; with `dry_run` they are only counted.
    """
    chunks = itertools.chain.from_iterable(_old(status, before) for status in ENDED)
    return retention.move_all(chunks, _archive, stop=stop, dry_run=dry_run)


def _old(status: DeliveryStatus, before: datetime.datetime) -> Iterator[list[str]]:
    """Chunks by primary key, oldest first. One made long ago may have ended just now."""
    after = ids.from_number("whd", 0)
    while True:
        rows = Delivery.objects.filter(status=status, id__gt=after).order_by("id")
        chunk = list(rows.values_list("id", "created_at", "ended_at")[:CHUNK])
        yield [id for id, _, ended_at in chunk if ended_at is not None and ended_at < before]
        if len(chunk) < CHUNK or chunk[-1][1] >= before:
            return
        after = chunk[-1][0]


@db.transaction(idempotent=True)
def _archive(chunk: Sequence[str]) -> int:
    """Those that have not been sent again meanwhile."""
    ended = Delivery.objects.select_for_update(skip_locked=True).filter(id__in=chunk, status__in=ENDED)
    found = {delivery.id: delivery for delivery in ended.order_by("id")}
    tries = _tries(found)
    ArchivedDelivery.objects.bulk_create([_archived(each, tries[each.id]) for each in found.values()])
    Attempt.objects.filter(delivery__in=list(found)).delete()
    Delivery.objects.filter(id__in=list(found)).delete()
    return len(found)


def _tries(found: dict[str, Delivery]) -> dict[str, list[dict[str, Any]]]:
    tries = collections.defaultdict(list)
    for each in Attempt.objects.filter(delivery__in=list(found)).order_by("id"):
        tries[each.delivery_id].append(
            {
                "started_at": each.started_at.isoformat(),
                "url": each.url,
                "status_code": each.status_code,
                "error": each.error,
                "answer": each.answer,
                "duration_ms": each.duration_ms,
            }
        )
    return tries


def _archived(delivery: Delivery, tries: list[dict[str, Any]]) -> ArchivedDelivery:
    return ArchivedDelivery(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id or "",
        type=delivery.type,
        status=delivery.status,
        status_code=delivery.status_code,
        error=delivery.error,
        actor=delivery.actor,
        reason=delivery.reason,
        tries=tries,
        created_at=delivery.created_at,
        ended_at=delivery.ended_at or delivery.created_at,
    )
