"""Numbering: every event gets the next position of its shard, aggregates in `sequence` order.

Events are read plainly, without row locks: an uncommitted producer is simply not there yet, and its events get later
positions when it commits. See outbox/README.md for why nothing else works.
"""

import collections
from collections.abc import Mapping, Sequence

from config.kernel import db
from outbox.models import SEQUENCER, Cursor
from outbox.services import lease_sql, leases, numbering_sql
from outbox.services.leases import Lease
from outbox.services.numbering_sql import Unsequenced


class LogCorrupted(Exception):
    """A number is missing that must exist: an event was deleted, or recorded without its aggregate's lock."""


@db.transaction(idempotent=True)
def sequence(*, lease: Lease, batch_size: int) -> int:
    """Number up to `batch_size` events (and those they must follow) and release the lease; how many were numbered.

    Raises LeaseLost or LogCorrupted, with nothing numbered.
    """
    ordered = _next([lease.shard], batch_size)
    leases.move(lease=lease, position=lease.position + len(ordered), release=True)
    _number(ordered, {lease.shard: lease.position})
    return len(ordered)


@db.transaction(idempotent=True)
def sequence_together(*, cursors: Sequence[Cursor], limit: int) -> int:
    """Number up to `limit` events (and those they must follow) of the shards that nobody else is at; how many.

    Without leases: their rows are locked meanwhile, and who holds an older lease finds the position changed. Raises
    LogCorrupted, with nothing numbered.
    """
    free = {row.shard: row for row in lease_sql.lock_free(ids=[cursor.pk for cursor in cursors])}
    ordered = _next(list(free), limit) if free else []
    if not ordered:
        return 0
    heads = _number(ordered, {shard: row.position for shard, row in free.items()})
    steps = [lease_sql.Step(shard, free[shard].token, free[shard].position, head) for shard, head in heads.items()]
    if lease_sql.move_together(subscriber=SEQUENCER, steps=steps) != len(steps):
        raise LogCorrupted(f"the heads of {len(steps)} shards have changed under their locks")
    return len(ordered)


def _next(shards: Sequence[int], limit: int) -> list[Unsequenced]:
    seen = numbering_sql.unsequenced(shards=shards, limit=limit)
    return in_order(seen + _predecessors(seen))


def _number(ordered: Sequence[Unsequenced], heads: Mapping[int, int]) -> dict[int, int]:
    """On from the `heads` of their shards; the new ones of those shards that have any."""
    found: dict[int, int] = {}
    numbers = []
    for event in ordered:
        found[event.shard] = found.get(event.shard, heads[event.shard]) + 1
        numbers.append((event.id, found[event.shard]))
    if (numbered := numbering_sql.number(numbers=numbers)) != len(numbers):
        raise LogCorrupted(f"shards {sorted(found)}: {len(numbers)} events to number, {numbered} found")
    return found


def in_order(events: list[Unsequenced]) -> list[Unsequenced]:
    """By primary key, except that an aggregate's places are filled in the order of its `sequence`.

    Primary keys come from the clocks of many machines, so they alone may put an aggregate's second event first.
    """
    by_id = sorted(events, key=lambda event: event.id)
    queues: dict[str, collections.deque[Unsequenced]] = {}
    for event in sorted(events, key=lambda event: event.sequence):
        queues.setdefault(event.aggregate_id, collections.deque()).append(event)
    return [queues[event.aggregate_id].popleft() for event in by_id]


def _predecessors(seen: list[Unsequenced]) -> list[Unsequenced]:
    """Unsequenced events outside the batch that must come before some in it. Raises LogCorrupted if one is nowhere."""
    found: list[Unsequenced] = []
    wanted = _missing(seen)
    while wanted:
        present = _present(wanted)
        pulled = [event for event in present if not event.is_sequenced]
        found += pulled
        wanted = [(event.aggregate_id, event.sequence - 1) for event in pulled if event.sequence > 1]
        wanted = _without(wanted, seen + found)
    return found


def _present(wanted: list[tuple[str, int]]) -> list[Unsequenced]:
    """The events with these (aggregate, sequence), archived ones too. Raises LogCorrupted if one is nowhere."""
    present: list[Unsequenced] = []
    for table in (numbering_sql.LOG, numbering_sql.ARCHIVE, numbering_sql.LOG):  # some may just be coming back
        if gone := _without(wanted, present):
            present += numbering_sql.lookup(gone, table=table)
    if gone := _without(wanted, present):
        raise LogCorrupted(f"no event {gone[0][1]} of {gone[0][0]}, though a later one exists")
    return present


def _without(wanted: list[tuple[str, int]], present: list[Unsequenced]) -> list[tuple[str, int]]:
    return sorted(set(wanted) - {(event.aggregate_id, event.sequence) for event in present})


def _missing(seen: list[Unsequenced]) -> list[tuple[str, int]]:
    """The (aggregate, sequence) pairs just before each event of the batch that are not in the batch themselves."""
    present = {(event.aggregate_id, event.sequence) for event in seen}
    before = {(event.aggregate_id, event.sequence - 1) for event in seen if event.sequence > 1}
    return sorted(before - present)
