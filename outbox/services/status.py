"""How far behind each subscriber is: for /health/detailed, metrics and the operator."""

import dataclasses
import datetime
from typing import Any

from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from config.kernel import clock
from outbox.models import SEQUENCER, SHARDS, ArchivedEvent, Cursor, DatabaseNow, HeldEvent, OutboxEvent

MAX_COUNTED = 10_000
"""Counting what has no position is linear, and health checks and scrapes ask often: beyond this it is simply long."""

_FIRST_UNSEQUENCED = f"""
    WITH RECURSIVE shards (shard) AS (SELECT 0 UNION ALL SELECT shard + 1 FROM shards WHERE shard < {SHARDS - 1})
    SELECT found.* FROM shards JOIN {OutboxEvent._meta.db_table} AS found ON found.id = (
        SELECT id FROM {OutboxEvent._meta.db_table} AS e WHERE e.shard = shards.shard AND e.position IS NULL LIMIT 1
    )
"""
"""One step into the index on (shard, position) per shard, which hands out the first recorded without being asked: to
ask for an order would make MariaDB sort the whole backlog."""

_LEASED = Q(lease_expires_at__gt=DatabaseNow())


@dataclasses.dataclass(frozen=True)
class SubscriberStatus:
    """`lag` counts events behind its cursor; the age in seconds (business time) is of the oldest of those, or held.

    The sequencer's lag is the events without a position, MAX_COUNTED at most; its age is that of the oldest of all.
    `held` counts events in line, `given_up` those that wait for staff, `backing_off` shards left alone after a
    transport failure, `leased` shards that some relay is at work on.
    """

    subscriber: str
    lag: int = 0
    oldest_age_seconds: float | None = None
    held: int = 0
    given_up: int = 0
    backing_off: int = 0
    shards: int = SHARDS
    leased: int = 0


def status() -> list[SubscriberStatus]:
    """The sequencer and every subscriber that has cursors, by name."""
    held, rows = _held(), {row["subscriber"]: row for row in _cursors()}
    sequencer = _sequencer(leased=rows.pop(SEQUENCER, {}).get("leased", 0))
    return [sequencer, *(_subscriber(row, held.get(name, {})) for name, row in rows.items())]


def _sequencer(*, leased: int) -> SubscriberStatus:
    waiting = OutboxEvent.objects.filter(shard__in=range(SHARDS), position=None)[:MAX_COUNTED]
    firsts = [event.occurred_at for event in OutboxEvent.objects.raw(_FIRST_UNSEQUENCED)]
    age = _age(min(firsts, default=None))
    return SubscriberStatus(SEQUENCER, lag=waiting.count(), oldest_age_seconds=age, leased=leased)


def _cursors() -> list[dict[str, Any]]:
    following = [
        Subquery(model.objects.filter(shard=OuterRef("shard"), position=OuterRef("position") + 1).values("occurred_at"))
        for model in (OutboxEvent, ArchivedEvent)
    ]
    cursors = Cursor.objects.with_head()
    found: QuerySet[Cursor, Any] = (
        cursors.annotate(next_at=Coalesce(*following))
        .values("subscriber")
        .annotate(
            lag=Sum(F("head") - F("position")),
            oldest=Min("next_at"),
            backing_off=Count("pk", filter=Q(available_at__gt=DatabaseNow())),
            shards=Count("pk"),
            leased=Count("pk", filter=_LEASED),
        )
    )
    return list(found.order_by("subscriber"))


def _held() -> dict[str, dict[str, Any]]:
    found = HeldEvent.objects.held().values("subscriber")
    counted = found.annotate(held=Count("pk"), given_up=Count("given_up_at"), oldest=Min("event__occurred_at"))
    return {row["subscriber"]: {**row} for row in counted.order_by("subscriber")}


def _subscriber(row: dict[str, Any], held: dict[str, Any]) -> SubscriberStatus:
    moments = [moment for moment in (row["oldest"], held.get("oldest")) if moment is not None]
    return SubscriberStatus(
        row["subscriber"],
        lag=row["lag"],
        oldest_age_seconds=_age(min(moments, default=None)),
        held=held.get("held", 0),
        given_up=held.get("given_up", 0),
        backing_off=row["backing_off"],
        shards=row["shards"],
        leased=row["leased"],
    )


def _age(moment: datetime.datetime | None) -> float | None:
    return None if moment is None else (clock.now() - moment).total_seconds()
