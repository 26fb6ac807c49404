"""The Kafka publisher: one topic, the aggregate's id as key, so that an aggregate's events are in one partition.

A message's value is the CloudEvent as JSON (structured content mode), with the event's type and id as headers too.
"""

import logging
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from outbox.subscribers import cloudevents
from outbox.subscribers.base import EventTooLarge, PublishedEvent, TransportError, budget_seconds
from outbox.subscribers.owned import Owned

logger = logging.getLogger(__name__)

_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}


class KafkaPublisher:
    """Produces to `topic` at `servers` ("host:9092,…"); `settings` are librdkafka's, for TLS, SASL and the like."""

    def __init__(self, servers: str, topic: str = "quittance.events", settings: dict[str, Any] | None = None) -> None:
        self._topic = topic
        self._producer = Owned(lambda: Producer({**_configuration(servers), **(settings or {})}))

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Returns when every replica in sync has all of them. Raises EventTooLarge for what is too large.

        After a failure the producer is given up with all that it still holds: nothing of it goes out behind newer
        events.
        """
        producer = self._producer.get()
        failures: list[KafkaError] = []
        try:
            refusal = self._produce(producer, events, failures)
            _finish(producer, failures)
        except (TransportError, EventTooLarge):
            self._producer.drop()
            producer.purge(in_queue=True, in_flight=True)
            raise
        if refusal is not None:
            raise refusal

    def _produce(
        self, producer: Producer, events: Sequence[PublishedEvent], failures: list[KafkaError]
    ) -> EventTooLarge | None:
        """Hand over all events, or those before one that is refused at once."""

        def note(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(error)

        try:
            for event in events:
                producer.produce(
                    self._topic,
                    key=event.aggregate_id,
                    value=cloudevents.render(event),
                    headers={"content-type": cloudevents.CONTENT_TYPE, "type": event.type, "id": event.id},
                    on_delivery=note,
                )
        except KafkaException as error:
            judged = _judged(error.args[0])
            if isinstance(judged, EventTooLarge):
                return judged
            raise judged from error
        except BufferError as error:
            raise TransportError(f"Kafka: {error}") from error
        return None


def _finish(producer: Producer, failures: list[KafkaError]) -> None:
    undelivered = producer.flush(budget_seconds())
    too_large = [error for error in failures if error.code() in _TOO_LARGE]
    if failures:
        raise _judged((too_large or failures)[0])
    if undelivered:
        raise TransportError(f"Kafka: {undelivered} events were not confirmed in time")


def _judged(error: KafkaError) -> TransportError | EventTooLarge:
    kind = EventTooLarge if error.code() in _TOO_LARGE else TransportError
    return kind(f"Kafka: {error.str()}")


def _configuration(servers: str) -> dict[str, Any]:
    budget_milliseconds = int(budget_seconds() * 1000)
    return {
        "bootstrap.servers": servers,
        "client.id": "quittance",
        "enable.idempotence": True,
        "acks": "all",
        # Else a message that fails for good lets later ones of its partition through.
        "enable.gapless.guarantee": True,
        "partitioner": "murmur2_random",
        "message.timeout.ms": budget_milliseconds,
        "socket.timeout.ms": budget_milliseconds,
        "socket.connection.setup.timeout.ms": max(budget_milliseconds, 1000),
        "reconnect.backoff.max.ms": 1000,
        "log_level": 3,
        "logger": logger,
    }
