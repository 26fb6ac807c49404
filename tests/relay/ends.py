"""What must be true of the log, its cursors and its subscribers in the end."""

import json
from collections.abc import Mapping, Sequence

from django.db.models import Count, F, Sum

from invoices.models import Customer
from outbox import services
from outbox.models import Cursor, HeldEvent, OutboxEvent
from outbox.tests.publishers.conformance import Broker
from outbox.tests.support import assert_log_is_sound, effects
from tests.relay.effects import effects_of_batches
from tests.relay.producers import Producers

Log = dict[str, tuple[str, int]]
"""The aggregate and the sequence of each event, by its id."""


def the_log() -> Log:
    rows = OutboxEvent.objects.values_list("pk", "aggregate_id", "sequence")
    return {pk: (aggregate_id, sequence) for pk, aggregate_id, sequence in rows}


def arrived(broker: Broker) -> list[str]:
    """The id of every event there, as often as it came."""
    return [json.loads(text)["id"] for text in broker.received()]


def is_nothing_left() -> bool:
    """Everything is numbered, and delivered to everybody."""
    return not any(each.lag or each.held for each in services.status())


def progress_of(subscriber: str) -> int:
    """How many events it has passed."""
    passed = Cursor.objects.filter(subscriber=subscriber).aggregate(Sum("position"))["position__sum"]
    return passed or 0


def assert_nothing_is_lost(clients: Producers, *, beside: int = 0) -> Log:
    """Of what `clients` recorded, beside a backlog of so many, everything is delivered, with its effects; the log."""
    assert clients.wrong == []
    assert_all_is_recorded(clients.committed, beside=beside)
    assert_log_is_delivered()
    log = the_log()
    assert_effects_happened_once_in_order(log)
    return log


def assert_all_is_recorded(committed: Mapping[str, int], *, beside: int = 0) -> None:
    """What clients were told is committed is in the log, what they were told is not is not; `beside` is without id."""
    rows = OutboxEvent.objects.values_list("correlation_id").annotate(count=Count("pk"))
    found = dict(rows.order_by("correlation_id"))
    assert found.pop("", 0) == beside
    assert found == committed


def assert_log_is_delivered() -> None:
    """Numbered without a gap, every cursor at its head, nothing held or leased."""
    assert_log_is_sound()
    assert Cursor.objects.with_head().exclude(position=F("head")).count() == 0
    assert HeldEvent.objects.count() == 0
    reached = OutboxEvent.objects.values_list("aggregate_id").annotate(count=Count("pk"))
    sources = Customer.objects.filter(event_sequence__gt=0).values_list("pk", "event_sequence")
    assert dict(reached.order_by("aggregate_id")) == dict(sources)


def assert_effects_happened_once_in_order(log: Log) -> None:
    for found in (effects(), effects_of_batches()):
        assert duplicates_of(found, log) == 0


def duplicates_of(arrived: Sequence[str], log: Log) -> int:
    """How many ids arrived again. Asserts that all did, and the first of each in the order of its aggregate."""
    firsts = list(dict.fromkeys(arrived))
    assert len(firsts) == len(log), f"{len(log.keys() - set(firsts))} of {len(log)} lost"
    reached: dict[str, int] = {}
    for id in firsts:
        aggregate_id, sequence = log[id]
        assert sequence == reached.get(aggregate_id, 0) + 1, f"{id} came after {reached.get(aggregate_id)}"
        reached[aggregate_id] = sequence
    return len(arrived) - len(firsts)
