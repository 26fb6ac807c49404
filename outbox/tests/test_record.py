import pytest

from config.kernel import correlation, db
from invoices.models import Customer
from outbox import services
from outbox.models import SHARDS, OutboxEvent
from outbox.tests.support import ACTOR, Happened, aggregate, record

pytestmark = pytest.mark.django_db


def test_an_event_keeps_what_happened_who_did_it_and_why() -> None:
    """Type, data, actor, reason, correlation id and aggregate are stored as recorded."""
    customer = aggregate()
    with correlation.bind("req_1"):
        record(customer)
    event = OutboxEvent.objects.get()
    assert (event.type, event.data, event.actor, event.reason) == (
        "test.happened",
        {"number": 0},
        ACTOR.actor,
        "because",
    )
    assert (event.correlation_id, event.aggregate_type, event.aggregate_id) == ("req_1", "customer", customer.pk)
    assert event.position is None


def test_an_aggregate_s_events_are_numbered_without_gaps_over_transactions() -> None:
    """The sequence goes on where the latest committed event left it."""
    customer = aggregate()
    record(customer, 3)
    record(customer, 2)
    sequences = OutboxEvent.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == [1, 2, 3, 4, 5]


def test_a_savepoint_that_is_rolled_back_drops_its_events_only() -> None:
    """Events recorded inside a failed savepoint vanish; the others keep a gap-free sequence."""

    @db.transaction(idempotent=False)
    def use_case() -> None:
        source = Customer.objects.select_for_update().get()
        services.record(source=source, event=Happened(number=1), actor=ACTOR)
        try:
            with db.savepoint():
                inner = Customer.objects.select_for_update().get()
                services.record(source=inner, event=Happened(number=2), actor=ACTOR)
                raise KeyError
        except KeyError:
            services.record(source=source, event=Happened(number=3), actor=ACTOR)

    aggregate()
    use_case()
    stored = OutboxEvent.objects.order_by("sequence").values_list("sequence", "data__number")
    assert list(stored) == [(1, 1), (2, 3)]


def test_recording_outside_a_transaction_is_refused() -> None:
    """A step without its caller's transaction raises and stores nothing."""
    source = aggregate()
    with pytest.raises(db.NotInTransaction):
        services.record(source=source, event=Happened(number=1), actor=ACTOR)
    assert not OutboxEvent.objects.exists()
    assert source.event_sequence == 0


def test_a_failed_use_case_leaves_no_event() -> None:
    """Event and effect roll back together."""

    @db.transaction(idempotent=False)
    def use_case(source: Customer) -> None:
        services.record(source=source, event=Happened(number=1), actor=ACTOR)
        raise KeyError

    customer = aggregate()
    with pytest.raises(KeyError):
        use_case(customer)
    assert not OutboxEvent.objects.exists()
    assert Customer.objects.get().event_sequence == 0


def test_every_event_of_an_aggregate_is_in_the_same_shard() -> None:
    """The shard depends on the aggregate's id alone and lies in 0 to 63."""
    shards = {services.shard_of(f"inv_{number}") for number in range(2000)}
    assert shards == set(range(SHARDS))
    assert services.shard_of("inv_1") == services.shard_of("inv_1")
