"""What the outbox's tests share: an event, an aggregate, and subscribers whose effects can be counted."""

import datetime
import os
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from django.db import connection

from config.api.principals import system
from config.kernel import clock, db
from invoices.models import Customer
from outbox import services
from outbox.events import Event
from outbox.models import SEQUENCER, SHARDS, Cursor, OutboxEvent
from outbox.services import leases
from outbox.services.leases import Lease
from outbox.subscribers import registry
from outbox.subscribers.base import PublishedEvent, TransportError

ACTOR = system("tests")
EFFECT_PREFIX = "effect:"
YEAR = datetime.timedelta(days=365)

CONSUMERS = {"effects": {"handler": "outbox.tests.support.take_effect", "events": ["test.*"]}}
PUBLISHERS = {"wire": {"class": "outbox.tests.support.Wire", "events": ["*"]}}


class Happened(Event):
    type: ClassVar[str] = "test.happened"
    number: int


class Unheard(Event):
    type: ClassVar[str] = "other.happened"


class Wire:
    """A publisher that remembers what it sent, refuses the ids in `poison`, and can be cut."""

    sent: ClassVar[list[str]] = []
    calls: ClassVar[list[list[str]]] = []
    poison: ClassVar[set[str]] = set()
    is_cut: ClassVar[bool] = False
    before_publish: ClassVar[Callable[[], None] | None] = None

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        if Wire.before_publish is not None:
            Wire.before_publish()
        Wire.calls.append([event.id for event in events])
        if Wire.is_cut:
            raise TransportError("nobody there")
        if any(event.id in Wire.poison for event in events):
            raise ValueError("cannot encode this")
        Wire.sent += [event.id for event in events]

    @classmethod
    def reset(cls) -> None:
        cls.sent, cls.calls, cls.poison, cls.is_cut, cls.before_publish = [], [], set(), False, None


class FileWriter:
    """A publisher for relay processes: one id per line, appended as one write per event."""

    def __init__(self, path: str, pause_seconds: float) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._pause_seconds = pause_seconds

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        for event in events:
            time.sleep(self._pause_seconds)
            os.write(self._file, f"{event.id}\n".encode())


class Refusals:
    """Makes `take_effect` raise for some events."""

    poison: ClassVar[set[str]] = set()
    error: ClassVar[Exception] = ValueError("cannot take this")


def take_effect(*, event: OutboxEvent) -> None:
    """A consumer whose effect is one row per event."""
    Customer.objects.create(name=f"{EFFECT_PREFIX}{event.pk}", created_at=clock.now())
    if event.pk in Refusals.poison:
        raise Refusals.error


def effects() -> list[str]:
    """The ids of the events that took effect, one per effect, in order."""
    rows = Customer.objects.filter(name__startswith=EFFECT_PREFIX).order_by("id")
    return [row.name.removeprefix(EFFECT_PREFIX) for row in rows]


def aggregate(*, shard: int | None = None) -> Customer:
    """A stored aggregate, of that shard if it matters."""
    while True:
        customer = Customer(name="aggregate", created_at=clock.now())
        if shard is None or services.shard_of(customer.pk) == shard:
            customer.save()
            return customer


@db.transaction(idempotent=False)
def record(source: Customer, count: int = 1, *, event: Event | None = None) -> list[str]:
    """Record `count` events of `source` in one transaction; their ids in order of sequence."""
    locked = Customer.objects.select_for_update().get(pk=source.pk)
    for number in range(count):
        services.record(source=locked, event=event or Happened(number=number), actor=ACTOR, reason="because")
    db.flush()
    events = OutboxEvent.objects.filter(aggregate_id=source.pk).order_by("-sequence")[:count]
    return [event.pk for event in reversed(events)]


def leased(subscriber: str, *, shard: int) -> Lease:
    """A lease as a relay would claim it."""
    leases.create_missing_cursors(subscribers=registry.configured().values())
    lease = leases.claim(cursor=Cursor.objects.get(subscriber=subscriber, shard=shard))
    assert lease is not None
    return lease


def archive(*, before: datetime.datetime | None = None) -> int:
    """Everything that may be archived is, unless told otherwise; how many."""
    return services.archive(before=before or clock.now() + YEAR, stop=lambda: False)


def rewind(*, event_id: str = "", aggregate_id: str = "") -> None:
    """The publisher is moved back, to the beginning unless told otherwise."""
    target = services.Target(event_id=event_id, aggregate_id=aggregate_id)
    services.rewind(subscriber="wire", target=target, actor=ACTOR, reason="again")


def assert_log_is_sound() -> None:
    """Positions are dense per shard up to its head; each aggregate's sequence is gap-free and in order of position."""
    for shard in range(SHARDS):
        rows = list(OutboxEvent.objects.filter(shard=shard, position__isnull=False).order_by("position"))
        assert [row.position for row in rows] == list(range(1, len(rows) + 1))
        if rows:
            assert Cursor.objects.get(subscriber=SEQUENCER, shard=shard).position == len(rows)
        sequences: dict[str, list[int]] = {}
        for row in rows:
            sequences.setdefault(row.aggregate_id, []).append(row.sequence)
        for found in sequences.values():
            assert found == list(range(1, len(found) + 1))


def on_mariadb() -> bool:
    return connection.vendor == "mysql"
