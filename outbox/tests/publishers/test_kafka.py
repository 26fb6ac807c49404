"""Kafka: what a message looks like, what is too large, settings of the client's own."""

from typing import Any

import pytest

from outbox.subscribers.base import EventTooLarge
from outbox.tests.publishers.conformance import ids, invented, made
from outbox.tests.publishers.kafka_server import KafkaServer

pytestmark = [
    pytest.mark.parametrize("broker", ["kafka"], indirect=True),
    pytest.mark.xdist_group("broker-kafka"),
]


def test_a_message_is_keyed_by_its_aggregate_and_says_what_it_is(broker: KafkaServer) -> None:
    """All of one aggregate are in one partition; type and id can be told without the value."""
    made(broker.entry()).publish(invented(40, aggregates=8))
    found = broker.messages()
    assert len({message.partition() for message in found}) > 1
    assert len({(message.key(), message.partition()) for message in found}) == 8
    first = next(message for message in found if message.key() == b"inv_0")
    assert dict(first.headers() or []) == {
        "content-type": b"application/cloudevents+json",
        "type": b"invoice.paid",
        "id": b"evt_0",
    }


def test_what_stands_before_an_event_that_is_too_large_arrives_and_nothing_behind(broker: KafkaServer) -> None:
    """The relay sends the batch again in halves, so an aggregate must not be ahead of what failed."""
    events = invented(6, aggregates=1)
    large = events[3]._replace(data=f'"{"x" * broker.too_large_bytes}"')
    publisher = made(broker.entry())
    with pytest.raises(EventTooLarge, match="too large"):
        publisher.publish([*events[:3], large, *events[4:]])
    assert ids(broker.received()) == ["evt_0", "evt_1", "evt_2"]
    publisher.publish(events[3:])
    assert ids(broker.received()) == [event.id for event in events]


def test_settings_of_its_own_reach_the_client(broker: KafkaServer) -> None:
    """TLS, SASL and the like; one that does not exist is refused by librdkafka by name."""
    entry: dict[str, Any] = broker.entry()
    options = entry["options"] | {"settings": {"message.max.bytes": 1000}}
    with pytest.raises(EventTooLarge):
        made(entry | {"options": options}).publish(invented(1, size=1000))
