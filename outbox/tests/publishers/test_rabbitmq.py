"""RabbitMQ: what a message looks like, who gets it, and what the broker says when it cannot."""

from typing import Any

import pytest
from kombu import Connection, Exchange, Queue

from outbox.subscribers.base import TransportError
from outbox.tests.publishers.conformance import ids, invented, made
from outbox.tests.publishers.rabbitmq_server import RabbitMQServer

pytestmark = [
    pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True),
    pytest.mark.xdist_group("broker-rabbitmq"),
]


def test_a_message_is_persistent_and_says_what_it_is(broker: RabbitMQServer) -> None:
    """Its id is the event's, its routing key the type; type, aggregate and sequence can be told without its body."""
    made(broker.entry()).publish(invented(1))
    (message,) = broker.messages()
    assert message.properties["message_id"] == "evt_0"
    assert message.properties["delivery_mode"] == 2
    assert message.content_type == "application/cloudevents+json"
    assert message.delivery_info["routing_key"] == "invoice.paid"
    assert message.headers == {"partitionkey": "inv_0", "sequence": "00000000000000000001"}


def test_an_event_nobody_listens_to_is_delivered(broker: RabbitMQServer) -> None:
    """A topic exchange without a queue takes it: that is no error of the event, nor of the line."""
    entry = broker.entry()
    publisher = made(entry | {"options": entry["options"] | {"exchange": "lonely"}})
    publisher.publish(invented(3))
    assert broker.messages() == []


def test_a_queue_that_refuses_is_a_transport_failure_and_breaks_no_order(broker: RabbitMQServer) -> None:
    """An event that is refused is not overtaken by a later one of its aggregate that goes to another queue."""
    entry = broker.entry()
    publisher = made(entry | {"options": entry["options"] | {"exchange": "narrow"}})
    exchange = Exchange("narrow", type="topic", durable=True)
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    events = invented(6, aggregates=1)
    events[5] = events[5]._replace(type="invoice.voided")
    with Connection(entry["options"]["url"]) as connection:
        narrow: Any = Queue("paid", exchange, routing_key="invoice.paid", queue_arguments=full)(connection.channel())
        wide: Any = Queue("voided", exchange, routing_key="invoice.voided")(connection.channel())
        narrow.declare()
        wide.declare()
        with pytest.raises(TransportError, match="did not take a message"):
            publisher.publish(events)
        assert ids([narrow.get(no_ack=True).body]) == ["evt_0"]
        assert wide.get() is None
        narrow.delete()
        publisher.publish(events)
        assert ids([wide.get(no_ack=True).body]) == ["evt_5"]


def test_a_broker_out_of_memory_is_a_transport_failure_until_it_has_some(broker: RabbitMQServer) -> None:
    """It blocks the connection instead of answering; what says so ends the wait at once."""
    publisher = made(broker.entry())
    publisher.publish(invented(3))
    broker.control("eval", "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []}).")
    try:
        for _ in range(2):
            with pytest.raises(TransportError, match="blocked"):
                publisher.publish(invented(6)[3:])
    finally:
        broker.control("eval", "rabbit_alarm:clear_alarm({resource_limit, memory, node()}).")
    publisher.publish(invented(6)[3:])
    assert ids(broker.received()) == [event.id for event in invented(6)]


def test_an_exchange_of_another_type_is_a_transport_failure(broker: RabbitMQServer) -> None:
    """Somebody has to put it right; the events wait."""
    entry = broker.entry()
    with Connection(entry["options"]["url"]) as connection:
        Exchange("other", type="fanout", durable=True)(connection.channel()).declare()
    publisher = made(entry | {"options": entry["options"] | {"exchange": "other"}})
    with pytest.raises(TransportError, match="inequivalent arg 'type'"):
        publisher.publish(invented(1))


def test_a_wrong_password_is_a_transport_failure(broker: RabbitMQServer) -> None:
    """Somebody rotated it: nothing is held for that, and the password is not told."""
    url = f"amqp://guest:hunter2@127.0.0.1:{broker.port}//"
    with pytest.raises(TransportError, match="ACCESS_REFUSED") as refused:
        made(broker.entry() | {"options": {"url": url}}).publish(invented(1))
    assert "hunter2" not in str(refused.value)
