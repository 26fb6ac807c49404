"""Seeding: invoices with all they bring along, in batches that are each one transaction, beside a system that runs."""

import dataclasses
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from django.db import connection, connections

from config.kernel import clock, db
from config.volume import bulk_insert
from config.volume.bulk_insert import Row, Rows
from config.volume.generator import Generator, Totals
from invoices.models import CreditEntry, Customer, Entry, Invoice, InvoiceLine, Journal
from outbox.models import SEQUENCER, Cursor, OutboxEvent
from outbox.services import leases
from outbox.subscribers import registry as subscribers
from payments.models import Dispute, Payment, Receipt, Refund
from webhooks.inbound.models import ProviderEvent

PARENTS_FIRST = (
    Customer,
    Invoice,
    InvoiceLine,
    CreditEntry,
    Journal,
    Entry,
    Payment,
    Receipt,
    Refund,
    Dispute,
    ProviderEvent,
)
"""Events come last, once they have their positions. So do receipts of refunds that came back."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """`customers` are spread over the invoices; `seed` makes two runs alike but for their times and ids.

    More than one of the `processes` is for MariaDB; they are forks of this one.
    """

    invoices: int
    customers: int
    seed: int
    batch: int = 500
    processes: int = 1


@dataclasses.dataclass
class Progress:
    invoices: int = 0
    rows: int = 0


def seed(plan: Plan) -> Iterator[Progress]:
    """Add what the plan says to what is there, and tell the progress after each batch. Safe to stop at any time.

    Events are sequenced when they are written, and whoever has heard all events so far is taken to have heard them.
    """
    leases.create_missing_cursors(subscribers=subscribers.configured().values())
    progress = Progress()
    generator = Generator(Totals(plan.invoices, plan.customers), plan.seed, clock.now())
    for numbers in _batches(plan.customers, plan.batch):
        progress.rows += _store(rows=generator.customers(numbers))
    for rows in _store_invoices(plan, generator):
        progress.rows += rows
        progress.invoices = min(progress.invoices + plan.batch, plan.invoices)
        yield progress
    analyze()


def analyze() -> None:
    """Of all that is seeded."""
    bulk_insert.analyze([*PARENTS_FIRST, OutboxEvent])


def _batches(count: int, size: int) -> Iterator[range]:
    return (range(first, min(first + size, count)) for first in range(0, count, size))


def _store_invoices(plan: Plan, generator: Generator) -> Iterator[int]:
    """How many rows each batch has. Half of the time is Python's and half MariaDB's: one process keeps neither busy."""
    batches = _batches(plan.invoices, plan.batch)
    if plan.processes == 1:
        yield from (_store(rows=generator.invoices(numbers)) for numbers in batches)
        return
    connections.close_all()  # They must not be shared with a fork.
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(plan.processes, fork, _begin, (generator,)) as workers:
        yield from workers.map(_generate_and_store, batches)


def _begin(generator: Generator) -> None:
    """In each worker. An interrupted run ends with the batches that have begun."""
    global _generator
    _generator = generator
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Left alone, a worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


_generator: Generator


def _generate_and_store(numbers: range) -> int:
    return _store(rows=_generator.invoices(numbers))


@db.transaction(idempotent=False)
def _store(*, rows: Rows) -> int:
    """All rows, and the cursors that go with them; events last, because nobody else numbers any meanwhile.

    How many rows there were.
    """
    written = 0
    for model in PARENTS_FIRST:
        written += bulk_insert.insert(model, [row for row in rows.of(model) if not _is_return(row)])
    written += bulk_insert.insert(Receipt, [row for row in rows.of(Receipt) if _is_return(row)])
    cursors = list(Cursor.objects.select_for_update().order_by("subscriber", "shard"))
    heads = {cursor.shard: cursor.position for cursor in cursors if cursor.subscriber == SEQUENCER}
    events = rows.of(OutboxEvent)
    ends = _number(events, heads)
    _move([cursor for cursor in cursors if cursor.position == heads[cursor.shard]], ends)
    return written + bulk_insert.insert(OutboxEvent, events)


def _is_return(row: Row) -> bool:
    return row.get("returned_refund_id") is not None


def _number(events: Sequence[Row], heads: dict[int, int]) -> dict[int, int]:
    """Give every event its position; the last position of each shard."""
    counters = {shard: itertools.count(head + 1) for shard, head in heads.items()}
    for event in events:
        event["position"] = next(counters[event["shard"]])
    return {shard: next(counter) - 1 for shard, counter in counters.items()}


def _move(cursors: Iterable[Cursor], ends: dict[int, int]) -> None:
    """One short statement each: a hundred in one CASE cost ten times as much.

    A relay that has leased one loses it, and may claim it again at once: else its shard would wait for the lease's end.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {Cursor._meta.db_table} SET position = %s, lease_token = lease_token + 1, lease_expires_at = NULL"
            " WHERE id = %s",
            [(ends[each.shard], each.pk) for each in cursors],
        )
