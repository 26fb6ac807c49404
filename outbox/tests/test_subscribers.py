import datetime
import io
import json
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from config.kernel import correlation
from config.observability.logs import EventHandler
from outbox import services
from outbox.models import OutboxEvent
from outbox.services import reading
from outbox.subscribers import cloudevents, registry
from outbox.subscribers.base import PublishedEvent, TransportError
from outbox.subscribers.log import LogPublisher
from outbox.tests.support import CONSUMERS, PUBLISHERS, aggregate, record


@pytest.mark.django_db
def test_an_event_on_the_wire_is_a_cloudevent() -> None:
    """Required and optional attributes of CloudEvents 1.0, extensions in lower case, none of them empty."""
    customer = aggregate()
    with correlation.bind("req_1"):
        record(customer)
    services.drain()
    event = OutboxEvent.objects.get()
    wire = json.loads(cloudevents.render(_published(event)))
    assert wire == {
        "specversion": "1.0",
        "id": event.pk,
        "source": "/quittance",
        "type": "test.happened",
        "subject": customer.pk,
        "time": event.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "datacontenttype": "application/json",
        "sequence": "00000000000000000001",
        "partitionkey": customer.pk,
        "shard": services.shard_of(customer.pk),
        "dataversion": 1,
        "actor": "system:tests",
        "correlationid": "req_1",
        "data": {"number": 0},
    }
    assert all(name.isalnum() and name.islower() for name in wire)


@pytest.mark.django_db
def test_an_attribute_without_a_value_is_left_out() -> None:
    """CloudEvents forbids empty strings: no correlation id, no attribute."""
    record(aggregate())
    services.drain()
    assert "correlationid" not in json.loads(cloudevents.render(_published(OutboxEvent.objects.get())))


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"])), data=st.dictionaries(st.text(), st.text()))
def test_whatever_an_event_says_is_one_line_of_json(text: str, data: dict[str, str]) -> None:
    """Quotes, control characters and line breaks in any text come out as they went in."""
    event = PublishedEvent(
        id="evt_1",
        type=text,
        version=1,
        data=json.dumps(data),
        aggregate_type="customer",
        aggregate_id=text,
        sequence=7,
        shard=3,
        position=9,
        actor=text,
        correlation_id=text,
        occurred_at="2026-11-20T22:56:16.000123Z",
    )
    line = cloudevents.render(event)
    wire = json.loads(line)
    assert "\n" not in line
    assert (wire["type"], wire["subject"], wire["actor"], wire.get("correlationid", "")) == (text,) * 4
    assert wire["data"] == data


@pytest.mark.django_db
def test_a_full_second_has_its_microseconds_on_the_wire() -> None:
    """The time always has the same form, whatever the database makes of a fraction that is zero."""
    record(aggregate())
    services.drain()
    OutboxEvent.objects.update(occurred_at=datetime.datetime(2026, 11, 20, 22, 56, 16, tzinfo=datetime.UTC))
    assert _published(OutboxEvent.objects.get()).occurred_at == "2026-11-20T22:56:16.000000Z"


@pytest.mark.django_db
def test_the_log_publisher_writes_one_line_per_event(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Each line is the event's JSON, in order."""
    settings.EVENT_PUBLISHERS = {"log": {"class": "outbox.subscribers.log.LogPublisher", "events": ["*"]}}
    caplog.set_level(logging.INFO, logger="outbox.events")
    ids = record(aggregate(), 3)
    services.drain()
    lines = [entry.getMessage() for entry in caplog.records if entry.name == "outbox.events"]
    assert [json.loads(line)["id"] for line in lines] == ids
    assert not any("\n" in line for line in lines)


@pytest.mark.django_db
def test_a_line_that_cannot_be_written_is_an_event_that_was_not_delivered() -> None:
    """The disk is full: the relay hears of it and sends the events again, none is lost."""
    record(aggregate())
    services.drain()
    event = _published(OutboxEvent.objects.get())
    with io.TextIOWrapper(open("/dev/full", "wb", buffering=0), write_through=True) as full:
        handler = EventHandler(full)
        logging.getLogger("outbox.events").addHandler(handler)
        try:
            with pytest.raises(TransportError, match="No space left"):
                LogPublisher().publish([event])
        finally:
            logging.getLogger("outbox.events").removeHandler(handler)


@pytest.mark.parametrize(
    ("consumers", "publishers", "complaint"),
    [
        (CONSUMERS, {"effects": PUBLISHERS["wire"]}, "both"),
        ({"sequencer": CONSUMERS["effects"]}, {}, "own name"),
        ({"effects": {**CONSUMERS["effects"], "start": "middle"}}, {}, "middle"),
    ],
)
def test_a_wrong_table_of_subscribers_is_refused(
    settings: Settings, consumers: dict[str, object], publishers: dict[str, object], complaint: str
) -> None:
    """Names are unique and never the sequencer's; `start` is one of two words."""
    settings.EVENT_CONSUMERS, settings.EVENT_PUBLISHERS = consumers, publishers
    with pytest.raises(ImproperlyConfigured, match=complaint):
        registry.configured()


@pytest.mark.parametrize(
    ("patterns", "event_type", "heard"),
    [
        (["*"], "invoice.paid", True),
        (["invoice.*"], "invoice.paid", True),
        (["invoice.*", "payment.submitted"], "payment.submitted", True),
        (["invoice.*"], "Invoice.paid", False),
        (["payment.*"], "invoice.paid", False),
    ],
)
def test_patterns_match_event_types(patterns: list[str], event_type: str, heard: bool) -> None:
    """As fnmatch does, with case."""
    subscriber = registry.Subscriber(name="x", patterns=tuple(patterns), from_beginning=True)
    assert subscriber.hears(event_type) is heard


def _published(event: OutboxEvent) -> PublishedEvent:
    """As the relay hands it to a publisher."""
    (found,) = reading.published(shard=event.shard, after=(event.position or 0) - 1, limit=1)
    return found
