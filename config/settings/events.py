"""Who hears which event. The one table through which anything travels *up* the import direction.

A consumer's handler is called as `handler(event=OutboxEvent)` inside the relay's transaction, once per event in effect.
A publisher is an object with `publish(events: Sequence[PublishedEvent])`, called outside transactions, at least once.
Patterns are `fnmatch` patterns over event types.
"""

from typing import Any

EVENT_CONSUMERS: dict[str, dict[str, Any]] = {
    "release_parked": {
        "handler": "webhooks.inbound.services.release_parked",
        "events": ["payment.submitted", "receipt.created"],
    },
}

EVENT_PUBLISHERS: dict[str, dict[str, Any]] = {
    "log": {"class": "outbox.subscribers.log.LogPublisher", "events": ["*"]},
}
