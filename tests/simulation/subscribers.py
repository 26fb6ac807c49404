"""Who hears the events: a consumer with an effect in the database, and a publisher's far end."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

from config.settings.events import EVENT_CONSUMERS
from outbox.models import OutboxEvent
from outbox.subscribers.base import PublishedEvent, TransportError
from webhooks.inbound import services as inbound

EFFECTS = "CREATE TABLE simulation_effect (event text NOT NULL)"
"""Nothing unique: an effect that is taken twice is there twice."""


RELEASES = EVENT_CONSUMERS["release_parked"]["events"]


def take_effect(*, event: OutboxEvent) -> None:
    """What the consumer that hears of everything does, and a row for each time that any event came."""
    if event.type in RELEASES:
        inbound.release_parked(events=[event])
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO simulation_effect VALUES (%s)", [event.id])


class FarEnd:
    """What has arrived, and what arrives next: a subscriber that is down, one that chokes on an event."""

    def __init__(self, *, step: Callable[..., Any]) -> None:
        self._step = step
        self.arrived: list[PublishedEvent] = []
        self.is_down = False
        self.poison: set[str] = set()
        """Ids of events that it cannot take."""

    @property
    def is_troubled(self) -> bool:
        return self.is_down or bool(self.poison)

    def take(self, events: Sequence[PublishedEvent]) -> None:
        """A delivery is a step of the relay: it may die before and after it."""

        def take_and_lose_the_answer() -> None:
            self._take(events)
            raise TransportError("no answer")

        faults = {"done, its answer lost": take_and_lose_the_answer}
        self._step("publication", "publishing", lambda: self._take(events), faults=faults)

    def _take(self, events: Sequence[PublishedEvent]) -> None:
        if self.is_down:
            raise TransportError("down")
        if any(event.id in self.poison for event in events):
            raise ValueError("the subscriber cannot take one of these")
        self.arrived.extend(events)

    def first_arrivals(self) -> dict[str, list[int]]:
        """The sequences of each aggregate in the order in which they came for the first time."""
        seen: dict[str, list[int]] = collections.defaultdict(list)
        for event in self.arrived:
            if event.sequence not in seen[event.aggregate_id]:
                seen[event.aggregate_id].append(event.sequence)
        return seen


class Recorder:
    """The publisher; its far end is that of the world that is running."""

    far_end: FarEnd

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        self.far_end.take(events)
