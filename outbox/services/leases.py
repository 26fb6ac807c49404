"""Leases: which relay may move which cursor. A claim raises the token, and a move with an older token moves nothing."""

import dataclasses
import os
import random
import socket
from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings
from django.db import IntegrityError
from django.db.models import DateTimeField, Value

from config.kernel import db
from outbox.models import SEQUENCER, SHARDS, Cursor, seconds_from_now
from outbox.services import lease_sql
from outbox.subscribers.registry import Subscriber


class LeaseLost(Exception):
    """Another relay has claimed the cursor meanwhile: everything this one did under its lease is rolled back."""


@dataclasses.dataclass(frozen=True)
class Lease:
    """The right to move one cursor on from `position`."""

    subscriber: str
    shard: int
    position: int
    token: int
    failures: int

    def __str__(self) -> str:
        return f"{self.subscriber}/{self.shard}"


@db.transaction(idempotent=True, is_one_statement=True)
def claim(*, cursor: Cursor) -> Lease | None:
    """Lease `cursor` as it was read; None when another relay was faster."""
    claimed = lease_sql.claim(
        id=cursor.pk,
        token=cursor.lease_token,
        owner=_owner(),
        seconds=settings.OUTBOX_LEASE_SECONDS,
    )
    if not claimed:
        return None
    return Lease(cursor.subscriber, cursor.shard, cursor.position, cursor.lease_token + 1, cursor.failures)


@db.transaction(idempotent=True)
def claim_together(*, cursors: Sequence[Cursor]) -> list[Lease]:
    """Lease those of `cursors` that are as they were read; the others are in somebody's hands."""
    read = {cursor.pk: cursor for cursor in cursors}
    free = [row for row in lease_sql.lock_free(ids=list(read)) if row.token == read[row.id].lease_token]
    if free:
        ids = [row.id for row in free]
        lease_sql.claim_locked(ids=ids, owner=_owner(), seconds=settings.OUTBOX_LEASE_SECONDS)
    return [Lease(read[row.id].subscriber, row.shard, row.position, row.token + 1, 0) for row in free]


def move_together(*, leases: Mapping[Lease, int]) -> None:
    """Requires a transaction: move these cursors of one subscriber to the positions, and give the leases back.

    Raises LeaseLost when any of them is not as its lease left it: none is moved then.
    """
    db.require_transaction()
    [subscriber] = {lease.subscriber for lease in leases}
    steps = [lease_sql.Step(lease.shard, lease.token, lease.position, to) for lease, to in leases.items()]
    if lease_sql.move_together(subscriber=subscriber, steps=steps) != len(steps):
        raise LeaseLost(f"{subscriber} in one of {len(steps)} shards")


@db.transaction(idempotent=True)
def give_back_together(*, leases: Mapping[Lease, int]) -> None:
    """As `move_together`, by itself."""
    move_together(leases=leases)


def move(*, lease: Lease, position: int, release: bool) -> Lease:
    """Requires a transaction: move the cursor to `position`, a success that ends any backing off. Locks its row.

    Raises LeaseLost when the cursor was claimed since, or is not where this lease left it: no move is made twice.
    """
    db.require_transaction()
    return _move(lease, position, release=release)


def _move(lease: Lease, position: int, *, release: bool) -> Lease:
    """One conditional statement, which needs no transaction for itself."""
    moved = lease_sql.move(
        subscriber=lease.subscriber,
        shard=lease.shard,
        token=lease.token,
        position=lease.position,
        to=position,
        seconds=None if release else settings.OUTBOX_LEASE_SECONDS,
    )
    if not moved:
        raise LeaseLost(str(lease))
    return dataclasses.replace(lease, position=position, failures=0)


def check(*, lease: Lease) -> None:
    """Requires a transaction: lock the cursor's row and extend the lease. Raises LeaseLost."""
    db.require_transaction()
    _extend(lease)


@db.transaction(idempotent=True, is_one_statement=True)
def renew(*, lease: Lease) -> None:
    """Extend the lease. Raises LeaseLost."""
    _extend(lease)


@db.transaction(idempotent=True, is_one_statement=True)
def give_back(*, lease: Lease, position: int) -> Lease:
    """Move the cursor to `position`, which may be where it stands, and give the lease back. Raises LeaseLost."""
    return _move(lease, position, release=True)


@db.transaction(idempotent=True, is_one_statement=True)
def back_off(*, lease: Lease) -> None:
    """Give the lease back after a transport failure; nobody claims it until the delay is over. Raises LeaseLost.

    The number of failures is counted from the lease, not from the row: run again after a lost answer it says the same.
    """
    failures = lease.failures + 1
    _update(
        lease,
        failures=failures,
        available_at=seconds_from_now(backoff_seconds(failures=failures)),
        lease_expires_at=Value(None, DateTimeField()),
    )


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def backoff_seconds(*, failures: int) -> float:
    """The delay after the `failures`th failure in a row: base × 2ⁿ up to the cap, of which the last fifth is random."""
    pace = settings.OUTBOX_BACKOFF_SECONDS
    delay: float = min(pace["cap"], pace["base"] * 2 ** min(failures - 1, 30))
    return delay * random.uniform(0.8, 1)


def create_missing_cursors(*, subscribers: Iterable[Subscriber]) -> None:
    """Give the sequencer and every subscriber that is new a cursor per shard; without a transaction when none is."""
    counted = lease_sql.cursors_per_subscriber()
    starts = {SEQUENCER: True} | {subscriber.name: subscriber.from_beginning for subscriber in subscribers}
    for name, from_beginning in starts.items():
        if counted.get(name, 0) < SHARDS:
            _create_cursors(subscriber=name, from_beginning=from_beginning)


@db.transaction(idempotent=True)
def _create_cursors(*, subscriber: str, from_beginning: bool) -> None:
    present = set(Cursor.objects.filter(subscriber=subscriber).values_list("shard", flat=True))
    heads = {} if from_beginning else dict(Cursor.objects.filter(subscriber=SEQUENCER).values_list("shard", "position"))
    missing = [
        Cursor(subscriber=subscriber, shard=shard, position=heads.get(shard, 0))
        for shard in range(SHARDS)
        if shard not in present
    ]
    try:
        with db.savepoint():
            Cursor.objects.bulk_create(missing)
    except IntegrityError:
        """Another relay, starting at the same moment, has created them."""


def _extend(lease: Lease) -> None:
    _update(lease, lease_expires_at=seconds_from_now(settings.OUTBOX_LEASE_SECONDS))


def _update(lease: Lease, **changes: object) -> None:
    mine = Cursor.objects.filter(
        subscriber=lease.subscriber, shard=lease.shard, lease_token=lease.token, position=lease.position
    )
    if not mine.update(**changes):
        raise LeaseLost(str(lease))
