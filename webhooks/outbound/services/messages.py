"""What is sent: the body, the same at every try, and the headers that sign this one."""

import json
from collections.abc import Sequence
from typing import Any

from config.kernel import clock
from outbox.subscribers.base import PublishedEvent
from webhooks.outbound.models import Delivery
from webhooks.outbound.services import signing

PING = "webhook_endpoint.ping"


def body_of(delivery: Delivery) -> bytes:
    """`{"type", "timestamp", "sequence", "data"}`, as compact JSON; a ping has sequence 0."""
    event = delivery.event
    return _body(
        type=delivery.type,
        timestamp=(event.occurred_at if event else delivery.created_at).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        sequence=event.sequence if event else 0,
        data=event.data if event else {"endpoint": delivery.endpoint_id},
    )


def body_of_event(event: PublishedEvent) -> bytes:
    """What every delivery of `event` sends, byte for byte."""
    return _body(type=event.type, timestamp=event.occurred_at, sequence=event.sequence, data=json.loads(event.data))


def headers_of(delivery: Delivery, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Signed at this moment, wall time."""
    return headers(message_id=delivery.message_id, body=body, secrets=secrets)


def headers(*, message_id: str, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """As `headers_of`, of a message that need not be a delivery."""
    signed = signing.headers(message_id=message_id, timestamp=int(clock.wall().timestamp()), body=body, secrets=secrets)
    return {"Content-Type": "application/json", **signed}


def _body(*, type: str, timestamp: str, sequence: int, data: Any) -> bytes:
    document = {"type": type, "timestamp": timestamp, "sequence": sequence, "data": data}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
