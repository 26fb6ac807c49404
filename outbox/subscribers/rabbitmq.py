"""The RabbitMQ publisher: a durable topic exchange, the event's type as routing key, persistent messages, confirmed.

A message's body is the CloudEvent as JSON, its id the event's. An event that no queue is bound for is delivered: who
listens is not for the sender to say.
"""

import time
from collections.abc import Sequence
from typing import Any

from kombu import Connection, Exchange, Producer

from outbox.subscribers import cloudevents
from outbox.subscribers.base import EventTooLarge, PublishedEvent, TransportError, budget_seconds
from outbox.subscribers.owned import Owned

_PERSISTENT = 2
_PRECONDITION_FAILED = 406
"""AMQP's reply code; to a message, RabbitMQ says it of nothing but its size."""


class RabbitMQPublisher:
    """Publishes to `exchange`, which is declared if it is not there."""

    def __init__(self, url: str, exchange: str = "quittance.events") -> None:
        self._exchange = Exchange(exchange, type="topic", durable=True)
        self._channel = Owned(lambda: _ConfirmedChannel(url, self._exchange))

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Returns when the broker has confirmed all of them. Raises EventTooLarge for what it refuses by its size."""
        channel = self._channel.get()
        try:
            channel.send(events, deadline=time.monotonic() + budget_seconds())
        except Exception as error:
            self._channel.drop()
            channel.abandon()
            if isinstance(error, channel.errors):
                raise TransportError(f"RabbitMQ: {error}") from error
            raise


class _Refused(Exception):
    """The broker took responsibility for no message: it says a nack, or that it is out of memory or disk."""


class _ConfirmedChannel:
    """A connection with one channel in confirm mode, made when it first sends; after any error it is of no more use."""

    def __init__(self, url: str, exchange: Exchange) -> None:
        timeout_seconds = budget_seconds() / 2
        broker = Connection(
            url,
            connect_timeout=timeout_seconds,
            transport_options={
                "read_timeout": timeout_seconds,
                "write_timeout": timeout_seconds,
                "on_blocked": self._on_blocked,
            },
        )
        # Kombu's own connection dials again by itself, after waits that half a lease has no room for.
        self._transport: Any = broker.transport
        self._connection: Any = None
        self._exchange = exchange
        self._producer: Producer | None = None
        self._sent = 0
        self._unconfirmed: dict[str, int] = {}
        """The delivery tag of the one message of an aggregate that is under way."""

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What says that the broker cannot be reached or cannot do its work at the moment."""
        return (*self._transport.connection_errors, *self._transport.channel_errors, _Refused)

    def send(self, events: Sequence[PublishedEvent], *, deadline: float) -> None:
        """An event goes out once the earlier of its aggregate are confirmed: one may be refused among others."""
        producer = self._opened()
        try:
            for event in events:
                while event.aggregate_id in self._unconfirmed:
                    self._wait(deadline)
                self._send_one(producer, event)
            while self._unconfirmed:
                self._wait(deadline)
        except self._transport.channel_errors as error:
            if getattr(error, "reply_code", None) == _PRECONDITION_FAILED:
                raise EventTooLarge(f"RabbitMQ: {error}") from error
            raise

    def abandon(self) -> None:
        """Close without asking the broker, which may not answer."""
        if self._connection is not None:
            self._connection.collect()

    def _opened(self) -> Producer:
        if self._producer is None:
            self._connection = self._transport.establish_connection()
            channel = self._connection.channel()
            self._exchange(channel).declare()
            channel.confirm_select()
            channel.events["basic_ack"].add(self._on_ack)
            channel.events["basic_nack"].add(self._on_nack)
            self._producer = Producer(channel, self._exchange, auto_declare=False)
        return self._producer

    def _send_one(self, producer: Producer, event: PublishedEvent) -> None:
        self._sent += 1
        self._unconfirmed[event.aggregate_id] = self._sent
        producer.publish(
            cloudevents.render(event).encode(),
            routing_key=event.type,
            content_type=cloudevents.CONTENT_TYPE,
            content_encoding="utf-8",
            delivery_mode=_PERSISTENT,
            message_id=event.id,
            headers={"partitionkey": event.aggregate_id, "sequence": f"{event.sequence:020}"},
        )

    def _wait(self, deadline: float) -> None:
        """For the next thing the broker says. Raises TimeoutError, which is an OSError."""
        self._connection.drain_events(timeout=max(deadline - time.monotonic(), 0.001))

    def _on_ack(self, delivery_tag: int, multiple: bool) -> None:
        confirmed = [
            aggregate_id
            for aggregate_id, tag in self._unconfirmed.items()
            if tag == delivery_tag or (multiple and tag < delivery_tag)
        ]
        for aggregate_id in confirmed:
            del self._unconfirmed[aggregate_id]

    def _on_nack(self, delivery_tag: int, multiple: bool) -> None:
        raise _Refused("it did not take a message (a queue that is full or out of order)")

    def _on_blocked(self, reason: str) -> None:
        raise _Refused(reason)
