"""An event on the wire: CloudEvents 1.0 in its JSON format.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md, with the extensions
`sequence` (a string that sorts), `partitionkey` (what is ordered) and `correlationid`.
"""

import datetime
import json
from typing import Any

from django.conf import settings

from outbox.models import OutboxEvent

CONTENT_TYPE = "application/cloudevents+json"
_SEQUENCE_DIGITS = 20
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def attributes(event: OutboxEvent) -> dict[str, Any]:
    """The CloudEvent as a dict. Receivers drop a `sequence` ≤ the latest they have seen of its `partitionkey`."""
    found: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": settings.EVENT_SOURCE,
        "type": event.type,
        "subject": event.aggregate_id,
        "time": timestamp(event.occurred_at),
        "datacontenttype": "application/json",
        "sequence": str(event.sequence).zfill(_SEQUENCE_DIGITS),
        "partitionkey": event.aggregate_id,
        "shard": event.shard,
        "dataversion": event.version,
        "actor": event.actor,
    }
    if event.correlation_id:
        found["correlationid"] = event.correlation_id
    found["data"] = event.data
    return found


def render(event: OutboxEvent) -> str:
    """The CloudEvent as one line of JSON."""
    return _encode(attributes(event))


def timestamp(moment: datetime.datetime) -> str:
    """RFC 3339 in UTC with microseconds: "2026-11-20T22:56:16.000123Z"."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
