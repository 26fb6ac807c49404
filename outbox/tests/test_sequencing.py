import functools
import random
import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from config.kernel import db, ids
from invoices.models import Customer
from outbox import services
from outbox.models import SEQUENCER, Cursor, OutboxEvent
from outbox.services import leases, numbering_sql, sequencing
from outbox.services.leases import LeaseLost
from outbox.services.numbering_sql import Unsequenced
from outbox.services.sequencing import LogCorrupted
from outbox.tests.support import (
    ACTOR,
    Happened,
    Wire,
    aggregate,
    assert_log_is_sound,
    effects,
    leased,
    on_mariadb,
    record,
)
from tests.concurrency.threads import all_at_once


def test_an_aggregate_s_places_are_filled_in_the_order_of_its_sequence() -> None:
    """A primary key from a clock that ran behind does not put a later event first, nor move other aggregates."""
    events = [
        Unsequenced("01", "a", 2, False, 0),
        Unsequenced("02", "b", 1, False, 0),
        Unsequenced("03", "a", 1, False, 0),
        Unsequenced("04", "b", 2, False, 0),
    ]
    ordered = [(event.aggregate_id, event.sequence) for event in sequencing.in_order(random.sample(events, 4))]
    assert ordered == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


@pytest.mark.django_db
def test_positions_have_no_gaps_whatever_the_batch_size() -> None:
    """Many aggregates in few shards, numbered in batches of three."""
    customers = [aggregate(shard=number % 3) for number in range(12)]
    for customer in customers * 3:
        record(customer, 2)
    progress = services.drain(batch_size=3)
    assert progress.sequenced == 72
    assert not OutboxEvent.objects.filter(position=None).exists()
    assert_log_is_sound()


@pytest.mark.django_db
def test_clocks_that_disagree_do_not_reorder_an_aggregate() -> None:
    """With keys that run backwards and batches of one, the first event of the aggregate still comes first."""
    customer = aggregate()
    record(customer, 4)
    for event in OutboxEvent.objects.order_by("sequence"):
        backwards = ids.encode("evt", uuid.UUID(int=(1 << 80) - event.sequence))
        OutboxEvent.objects.filter(pk=event.pk).update(id=backwards)
    services.drain(batch_size=1)
    assert_log_is_sound()
    assert list(OutboxEvent.objects.order_by("position").values_list("sequence", flat=True)) == [1, 2, 3, 4]
    assert Wire.sent == list(OutboxEvent.objects.order_by("sequence").values_list("pk", flat=True))


def unsequenced(customer: Customer, *sequences: int) -> list[Unsequenced]:
    """As the sequencer reads them."""
    return numbering_sql.lookup([(customer.pk, each) for each in sequences])


@pytest.mark.django_db
def test_what_must_come_before_a_batch_is_found_once_however_far_back() -> None:
    """Behind what is in the batch itself too, up to what has been numbered."""
    customer, other = aggregate(), aggregate()
    record(customer, 6)
    record(other, 6)
    OutboxEvent.objects.filter(aggregate_id=customer.pk, sequence=1).update(position=1)
    found = sequencing._predecessors(unsequenced(customer, 4, 6) + unsequenced(other, 3))
    assert sorted((event.aggregate_id, event.sequence) for event in found) == sorted(
        [(customer.pk, 2), (customer.pk, 3), (customer.pk, 5), (other.pk, 1), (other.pk, 2)]
    )


@pytest.mark.django_db
def test_the_first_event_that_is_missing_is_named() -> None:
    """Not one that is there, nor a later one, nor one of a later aggregate."""
    first, second = sorted((aggregate(), aggregate()), key=lambda each: each.pk)
    for customer in (first, second):
        record(customer, 7)
    OutboxEvent.objects.filter(aggregate_id=first.pk, sequence__in=(4, 6)).delete()
    OutboxEvent.objects.filter(aggregate_id=second.pk, sequence=2).delete()
    with pytest.raises(LogCorrupted, match=f"^no event 4 of {first.pk}, though a later one exists$"):
        sequencing._predecessors(unsequenced(first, 3, 5, 7) + unsequenced(second, 3))


@pytest.mark.django_db
def test_a_missing_event_stops_its_shard_and_no_other() -> None:
    """A gap in an aggregate's sequence is corruption: its shard backs off unnumbered, the rest goes on."""
    broken, sound = aggregate(shard=1), aggregate(shard=2)
    first, *_ = record(broken, 3)
    OutboxEvent.objects.filter(pk=first).delete()
    record(sound, 2)
    progress = services.drain()
    assert (progress.sequenced, progress.backed_off) == (2, 1)
    assert not OutboxEvent.objects.filter(aggregate_id=broken.pk, position__isnull=False).exists()


@pytest.mark.django_db
def test_a_lost_lease_numbers_nothing() -> None:
    """A sequencer that was overtaken rolls back, and the one that overtook it numbers."""
    customer = aggregate(shard=5)
    record(customer, 3)
    stale = leased(SEQUENCER, shard=5)
    Cursor.objects.update(lease_expires_at=None)
    fresh = leased(SEQUENCER, shard=5)
    with pytest.raises(LeaseLost):
        sequencing.sequence(lease=stale, batch_size=10)
    assert not OutboxEvent.objects.filter(position__isnull=False).exists()
    assert sequencing.sequence(lease=fresh, batch_size=10) == 3
    assert_log_is_sound()


@pytest.mark.django_db
def test_scar_bounded_batches(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    """One lease numbers no more than one batch in one transaction, however long the backlog."""
    record(aggregate(shard=9), 50)
    lease = leased(SEQUENCER, shard=9)
    with django_assert_max_num_queries(6):
        assert sequencing.sequence(lease=lease, batch_size=20) == 20
    assert OutboxEvent.objects.filter(position__isnull=False).count() == 20


@pytest.mark.django_db(transaction=True)
def test_scar_ids_are_not_commit_order() -> None:
    """Id 10 is visible while 9 is uncommitted: 10 is delivered without waiting, 9 once it commits; neither is lost."""
    if not on_mariadb():
        pytest.skip("SQLite lets one writer in at a time")
    slow, fast = aggregate(shard=7), aggregate(shard=7)
    recorded, may_commit = threading.Event(), threading.Event()

    @db.transaction(idempotent=False)
    def produce_slowly() -> None:
        source = Customer.objects.select_for_update().get(pk=slow.pk)
        services.record(source=source, event=Happened(number=9), actor=ACTOR)
        db.flush()
        recorded.set()
        assert may_commit.wait(20)

    def overtake() -> None:
        assert recorded.wait(20)
        try:
            (tenth,) = record(fast)
            services.drain()
            assert effects() == Wire.sent == [tenth]
        finally:
            may_commit.set()

    all_at_once([produce_slowly, overtake])
    ninth = OutboxEvent.objects.get(aggregate_id=slow.pk)
    assert ninth.pk < OutboxEvent.objects.get(aggregate_id=fast.pk).pk
    services.drain()
    assert Wire.sent[1:] == [ninth.pk]
    assert_log_is_sound()


@pytest.mark.django_db(transaction=True)
def test_relays_and_producers_at_once_lose_and_repeat_no_effect() -> None:
    """Two relays run while four producers commit: every event takes effect once, in order per aggregate."""
    if not on_mariadb():
        pytest.skip("SQLite lets one writer in at a time")
    customers = [aggregate(shard=number % 4) for number in range(16)]
    done: list[str] = []

    def produce(mine: list[Customer]) -> None:
        try:
            for _ in range(10):
                for customer in mine:
                    record(customer, 2)
        finally:
            done.append(mine[0].pk)

    def relay() -> None:
        while len(done) < 4:
            services.relay_once(batch_size=7)

    producers: list[Callable[[], None]] = [functools.partial(produce, customers[n::4]) for n in range(4)]
    all_at_once([*producers, relay, relay])
    services.drain()
    assert_log_is_sound()
    assert OutboxEvent.objects.count() == 320
    assert_each_effect_once_in_order()


def assert_each_effect_once_in_order() -> None:
    """`effects` and `Wire.sent` hold every event once; each aggregate's events in order of sequence."""
    order = {event.pk: (event.aggregate_id, event.sequence) for event in OutboxEvent.objects.all()}
    for delivered in (effects(), Wire.sent):
        assert sorted(delivered) == sorted(order)
        reached: dict[str, int] = {}
        for pk in delivered:
            aggregate_id, sequence = order[pk]
            assert sequence == reached.get(aggregate_id, 0) + 1
            reached[aggregate_id] = sequence


@pytest.mark.django_db
def test_scar_shards_are_leased_fairly() -> None:
    """A lease covers one shard and one batch, so a second relay finds work while the first is busy."""
    for shard in (1, 2):
        record(aggregate(shard=shard), 3)
    busy = leased(SEQUENCER, shard=1)
    progress = services.relay_once()
    assert progress.sequenced == 3
    leases.give_back(lease=busy, position=0)
    assert services.relay_once().sequenced == 3


@pytest.mark.django_db
def test_the_backlog_is_read_through_its_index() -> None:
    """Reading unsequenced events sorts nothing: a longer backlog does not make a batch dearer."""
    if not on_mariadb():
        pytest.skip("EXPLAIN differs")
    record(aggregate(shard=3), 50)
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT id, aggregate_id, sequence FROM outbox_outboxevent"
            " WHERE shard = 3 AND position IS NULL LIMIT 9"
        )
        plan = cursor.fetchall()
    assert "outbox_event_shard_position" in str(plan)
    assert "filesort" not in str(plan)


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="InnoDB's row formats")
def test_the_log_keeps_room_for_positions() -> None:
    """In another row format each number makes its row longer. A migration that makes the table anew must keep it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ROW_FORMAT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
            [OutboxEvent._meta.db_table],
        )
        assert cursor.fetchone() == ("Redundant",)
