"""What every publisher promises the relay, as far as its broker can be brought to it."""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from pytest_django.fixtures import Settings

from outbox import services
from outbox.models import Cursor, HeldEvent, OutboxEvent
from outbox.services import Progress
from outbox.subscribers.base import PublishedEvent, Publisher
from outbox.tests.publishers.conformance import Broker, Entry, Subject, ids, invented, made, parsed
from outbox.tests.publishers.conftest import SUBJECTS
from outbox.tests.publishers.cutting import CuttingProxy, cutting
from outbox.tests.support import aggregate, record

pytestmark = pytest.mark.django_db
SHARD = 3
_numbers = itertools.count()


def able(
    has: Callable[[Subject], bool], *, takes_long: Callable[[Subject], bool] = lambda subject: False
) -> pytest.MarkDecorator:
    """For every subject that `has` what the test needs; each broker's tests run in one process."""
    found = [subject for subject in SUBJECTS.values() if has(subject)]
    params = [pytest.param(subject.name, marks=_marks(subject, takes_long)) for subject in found]
    return pytest.mark.parametrize("broker", params, indirect=True)


def _marks(subject: Subject, takes_long: Callable[[Subject], bool]) -> list[pytest.MarkDecorator]:
    group = pytest.mark.xdist_group(f"broker-{subject.name}")
    return [group, pytest.mark.long] if takes_long(subject) else [group]


@pytest.fixture(autouse=True)
def one_subscriber(settings: Settings) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def line(broker: Broker) -> Iterator[CuttingProxy]:
    with cutting(broker.port) as proxy:
        yield proxy


def relay_to(settings: Settings, entry: Entry) -> None:
    """As a process that has not published yet: under a name of its own, the publisher is a new one."""
    settings.EVENT_PUBLISHERS = {f"subject{next(_numbers)}": {**entry, "events": ["*"]}}


def relay_now() -> Progress:
    """As if every delay were over."""
    Cursor.objects.update(available_at=None)
    return services.drain(batch_size=50)


def recorded(count: int, *, aggregates: int = 3) -> None:
    """Events of several aggregates of one shard, taking turns."""
    sources = [aggregate(shard=SHARD) for _ in range(aggregates)]
    for number in range(count):
        record(sources[number % aggregates])


def assert_all_arrived_in_order(broker: Broker) -> None:
    """Every event at least once, and the first arrivals of an aggregate in its order."""
    arrived = ids(broker.received())
    events = OutboxEvent.objects.filter(pk__in=arrived)
    order = {event.pk: (event.aggregate_id, event.sequence) for event in events}
    assert set(arrived) == set(OutboxEvent.objects.values_list("pk", flat=True))
    reached: dict[str, int] = {}
    for pk in arrived:
        aggregate_id, sequence = order[pk]
        assert sequence == reached.get(aggregate_id, 0) + 1
        reached[aggregate_id] = sequence


@able(lambda subject: True)
def test_every_event_arrives_in_order_as_a_cloudevent(broker: Broker, settings: Settings) -> None:
    """The CloudEvents SDK reads each of them, and says what was recorded."""
    relay_to(settings, broker.entry())
    recorded(120)
    assert services.drain(batch_size=50).delivered == 120
    texts = broker.received()
    assert len(texts) == 120
    assert_all_arrived_in_order(broker)
    event = OutboxEvent.objects.get(pk=ids(texts)[0])
    wire = parsed(texts[0])
    assert (wire.get_id(), wire.get_type(), wire.get_subject()) == (event.pk, event.type, event.aggregate_id)
    assert (wire.get_time(), wire.get_data()) == (event.occurred_at, event.data)
    assert int(wire.get_extension("sequence")) == event.sequence


@able(lambda subject: True)
def test_nobody_there_is_a_transport_failure_and_holds_nothing(broker: Broker, settings: Settings) -> None:
    """The shard backs off, and all of it waits."""
    settings.OUTBOX_LEASE_SECONDS = 1
    relay_to(settings, broker.nobody_there())
    recorded(6)
    progress = services.drain()
    assert (progress.delivered, progress.held, progress.backed_off) == (0, 0, 1)
    assert HeldEvent.objects.count() == 0


@able(lambda subject: subject.is_limited)
def test_an_event_that_is_too_large_is_held_and_nobody_waits_but_its_aggregate(
    broker: Broker, settings: Settings
) -> None:
    """It and what follows it are held; other aggregates' events of the batch arrive, before it and behind it."""
    relay_to(settings, broker.entry())
    bad, good = aggregate(shard=SHARD), aggregate(shard=SHARD)
    fine = [*record(good), *record(bad)]
    (large,) = record(bad)
    _grow(large, broker.too_large_bytes)
    (behind,) = record(bad)
    fine += record(good, 3)
    services.drain()
    assert sorted(ids(broker.received())) == sorted(fine)
    held = HeldEvent.objects.order_by("sequence")
    assert list(held.values_list("event_id", flat=True)) == [large, behind]
    assert "EventTooLarge" in held[0].error


@able(lambda subject: subject.freezes)
def test_a_server_that_hangs_is_a_transport_failure_in_time(broker: Broker, settings: Settings) -> None:
    """Within half a lease; the publisher goes on by itself once the server does."""
    settings.OUTBOX_LEASE_SECONDS = 2
    relay_to(settings, broker.entry())
    recorded(6)
    services.drain()
    _assert_it_comes_back_after_hanging(broker, settings)


@able(lambda subject: subject.freezes, takes_long=lambda subject: subject.name == "kafka")
def test_a_server_that_hangs_when_it_is_dialled_is_a_transport_failure_in_time(
    broker: Broker, settings: Settings
) -> None:
    """The line is taken, and then nothing is said."""
    settings.OUTBOX_LEASE_SECONDS = 2
    relay_to(settings, broker.entry())
    _assert_it_comes_back_after_hanging(broker, settings)


def _assert_it_comes_back_after_hanging(broker: Broker, settings: Settings) -> None:
    recorded(6)
    broker.server.freeze()
    try:
        started = time.monotonic()
        progress = relay_now()
        spent_seconds = time.monotonic() - started
    finally:
        broker.server.thaw()
    assert (progress.delivered, progress.held, progress.backed_off) == (0, 0, 1)
    assert spent_seconds < settings.OUTBOX_LEASE_SECONDS
    recorded(6)
    settings.OUTBOX_LEASE_SECONDS = 20
    _deliver_the_rest()
    assert_all_arrived_in_order(broker)


def _deliver_the_rest() -> None:
    deadline = time.monotonic() + 30
    while relay_now().backed_off:
        assert time.monotonic() < deadline, "it did not come back"


def _grow(event_id: str, size_bytes: int) -> None:
    OutboxEvent.objects.filter(pk=event_id).update(data={"text": "x" * size_bytes})


@able(lambda subject: subject.restarts, takes_long=lambda subject: not subject.restarts_quickly)
def test_a_killed_server_is_found_again_when_it_is_back(broker: Broker, settings: Settings) -> None:
    """By the same publisher, without anybody doing anything."""
    relay_to(settings, broker.entry())
    recorded(6)
    services.drain()
    broker.server.kill()
    recorded(6)
    assert relay_now().backed_off == 1
    broker.server.start()
    assert relay_now().delivered == 6
    assert HeldEvent.objects.count() == 0


@able(lambda subject: subject.is_proxied)
@pytest.mark.parametrize("loses", ["half of the batch", "an answer"])
def test_a_batch_whose_line_is_cut_is_sent_again_in_order(
    broker: Broker, settings: Settings, line: CuttingProxy, loses: str
) -> None:
    """However much of it had arrived: never an event without the earlier ones of its aggregate."""
    relay_to(settings, broker.entry(line.port))
    recorded(6)
    services.drain()
    recorded(40)
    if loses == "an answer":
        line.cut_next_answer()
    else:
        line.cut_after(20 * 500)
    assert relay_now().backed_off == 1
    line.mend()
    _deliver_the_rest()
    assert_all_arrived_in_order(broker)
    assert HeldEvent.objects.count() == 0


@able(lambda subject: subject.freezes)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_publishes_beside_its_parent(broker: Broker) -> None:
    """A connection made before is not shared: neither side takes the other's answers, or closes its line."""
    publisher = made(broker.entry())
    events = invented(9, aggregates=1)
    publisher.publish(events[:3])
    child = os.fork()
    if child == 0:
        _publish_and_end(publisher, events[3:6])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    publisher.publish(events[6:])
    assert ids(broker.received()) == [event.id for event in events]


def _publish_and_end(publisher: Publisher, events: Sequence[PublishedEvent]) -> None:
    """The fork has the test's files and database connections: it must not clean up."""
    try:
        publisher.publish(events)
        os._exit(0)
    finally:
        os._exit(1)
