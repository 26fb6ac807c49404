import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import F

from config.kernel import db
from invoices.models import Customer
from outbox import services
from outbox.models import SEQUENCER, SHARDS, Cursor, OutboxEvent, seconds_from_now
from outbox.services import leases
from outbox.services.leases import LeaseLost
from outbox.subscribers import registry
from outbox.tests.support import EFFECT_PREFIX, Wire, aggregate, effects, leased, on_mariadb, record
from tests.concurrency.threads import all_at_once
from tests.faults import CONNECTION_LOST, DEADLOCK

pytestmark = pytest.mark.django_db


def test_a_leased_cursor_is_nobody_else_s() -> None:
    """A second claim finds the cursor taken, also when it was read before the first."""
    read_before = _cursor("effects", 3)
    leased("effects", shard=3)
    assert leases.claim(cursor=read_before) is None
    assert leases.claim(cursor=_cursor("effects", 3)) is None


def test_a_lease_that_ran_out_can_be_claimed_and_fences_its_former_holder() -> None:
    """The token rises with the claim, and a move with the older one is refused."""
    stale = leased("effects", shard=3)
    Cursor.objects.update(lease_expires_at=seconds_from_now(-1))
    fresh = leases.claim(cursor=_cursor("effects", 3))
    assert fresh is not None
    assert fresh.token == stale.token + 1
    with pytest.raises(LeaseLost):
        leases.give_back(lease=stale, position=5)
    leases.give_back(lease=fresh, position=5)
    assert _cursor("effects", 3).position == 5


def test_a_lease_is_measured_in_the_database_s_time() -> None:
    """It ends OUTBOX_LEASE_SECONDS from the server's now, whatever the time zone of its session."""
    leased("effects", shard=3)
    late, early = seconds_from_now(11), seconds_from_now(8)
    mine = Cursor.objects.filter(subscriber="effects", shard=3)
    assert mine.filter(lease_expires_at__lt=late, lease_expires_at__gt=early).exists()


def test_the_same_move_is_not_made_twice() -> None:
    """A repetition after a commit of unknown outcome does not find the cursor where it left it."""
    lease = leased("effects", shard=3)
    leases.give_back(lease=lease, position=4)
    with pytest.raises(LeaseLost):
        leases.give_back(lease=lease, position=4)


def test_a_move_outside_a_transaction_is_refused() -> None:
    """Moving is a step: it belongs to the transaction of the effect."""
    with pytest.raises(db.NotInTransaction):
        leases.move(lease=leased("effects", shard=3), position=1, release=True)
    with pytest.raises(db.NotInTransaction):
        db.transaction(idempotent=True, is_one_statement=True)(leases.move)(
            lease=leased("effects", shard=4), position=1, release=True
        )


def test_backing_off_keeps_everybody_away_for_a_growing_time() -> None:
    """Each failure in a row doubles the delay, up to the cap; nobody can claim the cursor meanwhile."""
    record(aggregate(shard=3))
    services.drain(only=[])
    leases.back_off(lease=leased("effects", shard=3))
    assert not Cursor.objects.claimable().filter(subscriber="effects", shard=3).exists()
    assert _cursor("effects", 3).failures == 1
    delays = [leases.backoff_seconds(failures=failures) for failures in (1, 2, 3, 50)]
    for delay, most in zip(delays, (1, 2, 4, 300), strict=True):
        assert most * 0.8 <= delay <= most


@pytest.mark.django_db(transaction=True)
def test_backing_off_survives_a_lost_answer_and_counts_its_failure_once() -> None:
    """The statement runs again and says the same: the cursor waits one delay, and nobody keeps its lease."""
    lease, answers = leased("effects", shard=3), itertools.count()

    def lose(execute: Callable[..., Any], *statement: Any) -> Any:
        answer = execute(*statement)
        if next(answers) == 0:
            raise OperationalError(*CONNECTION_LOST)
        return answer

    with connection.execute_wrapper(lose):
        leases.back_off(lease=lease)
    cursor = _cursor("effects", 3)
    assert next(answers) == 2
    assert (cursor.failures, cursor.lease_expires_at) == (1, None)
    assert not Cursor.objects.claimable().filter(pk=cursor.pk).exists()


def test_new_subscribers_start_where_their_entry_says() -> None:
    """From the beginning of the log by default, from its head with "start": "end"."""
    leases.create_missing_cursors(subscribers=[])
    Cursor.objects.filter(subscriber=SEQUENCER).update(position=F("shard") + 1)
    subscribers = [
        registry.Subscriber(name="all", patterns=("*",), from_beginning=True),
        registry.Subscriber(name="new", patterns=("*",), from_beginning=False),
    ]
    leases.create_missing_cursors(subscribers=subscribers)
    assert set(Cursor.objects.filter(subscriber="all").values_list("position", flat=True)) == {0}
    assert _cursor("new", 9).position == 10


@pytest.mark.django_db(transaction=True)
def test_relays_that_start_together_create_each_cursor_once() -> None:
    """The slower one finds the faster one's cursors."""
    if not on_mariadb():
        pytest.skip("SQLite lets one writer in at a time")
    all_at_once([lambda: leases.create_missing_cursors(subscribers=registry.configured().values())] * 6)
    assert Cursor.objects.count() == 3 * SHARDS


@pytest.mark.django_db(transaction=True)
def test_one_of_many_claims_at_once_wins() -> None:
    """Eight relays read the same free cursor: one gets the lease."""
    if not on_mariadb():
        pytest.skip("SQLite lets one writer in at a time")
    cursor = _cursor("effects", 1)
    won = all_at_once([lambda: leases.claim(cursor=cursor)] * 8)
    assert len([lease for lease in won if lease]) == 1


def _cursor(subscriber: str, shard: int) -> Cursor:
    leases.create_missing_cursors(subscribers=registry.configured().values())
    return Cursor.objects.get(subscriber=subscriber, shard=shard)


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_at_any_statement_that_commits_itself_loses_no_event() -> None:
    """Claims and moves are single statements; each runs again, and everything arrives once."""
    ids = record(aggregate(shard=3), 3)
    for victim in range(5):
        Cursor.objects.update(position=0, lease_expires_at=None)
        OutboxEvent.objects.update(position=None)
        Customer.objects.filter(name__startswith=EFFECT_PREFIX).delete()
        Wire.reset()
        updates = itertools.count()

        def run(execute: Callable[..., Any], sql: str, *rest: Any, victim: int = victim, seen: Any = updates) -> Any:
            if "UPDATE" in sql and not connection.in_atomic_block and next(seen) == victim:
                raise OperationalError(*DEADLOCK)
            return execute(sql, *rest)

        with connection.execute_wrapper(run):
            services.drain()
        assert next(updates) > victim
        assert (Wire.sent, effects()) == (ids, ids)


@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no row locks")
@pytest.mark.django_db(transaction=True)
def test_a_cursor_that_somebody_has_locked_is_not_waited_for() -> None:
    """It may be a relay whose host is gone in the midst of a transaction: claims find it taken at once."""
    cursor = _cursor("effects", 3)
    is_locked, is_over = threading.Event(), threading.Event()

    @db.transaction(idempotent=False)
    def keep_locked() -> None:
        Cursor.objects.select_for_update().get(pk=cursor.pk)
        is_locked.set()
        is_over.wait(timeout=30)

    def claim() -> tuple[object, object]:
        try:
            is_locked.wait(timeout=30)
            return leases.claim(cursor=cursor), leases.claim_together(cursors=[cursor])
        finally:
            is_over.set()

    assert all_at_once([keep_locked, claim])[1] == (None, [])
    assert leases.claim(cursor=cursor) is not None


@pytest.mark.django_db(transaction=True)
def test_what_is_found_free_stays_locked_until_it_is_claimed() -> None:
    """Else two relays would find the same cursors free, and both think that they have them."""
    cursors = [_cursor("effects", shard) for shard in (3, 5)]
    within: list[bool] = []

    def look(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if Cursor._meta.db_table in sql:
            within.append(connection.in_atomic_block)
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        assert len(leases.claim_together(cursors=cursors)) == 2
    assert within == [True, True]
