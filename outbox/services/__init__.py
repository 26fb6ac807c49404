"""Public use cases of the outbox. What an app needs is `record`; tests also need `drain`."""

from outbox.services.held import HeldEventNotFound, NotFirstInLine, requeue_held, skip_held
from outbox.services.reading import EventNotFound
from outbox.services.record import record, shard_of
from outbox.services.relay import Progress, drain, relay_for, relay_once, rest_after
from outbox.services.rewinding import (
    OnlyPublishersRewind,
    Rewind,
    SubscriberNotFound,
    Target,
    preview_rewind,
    rewind,
)
from outbox.services.status import SubscriberStatus, status

__all__ = [
    "EventNotFound",
    "HeldEventNotFound",
    "NotFirstInLine",
    "OnlyPublishersRewind",
    "Progress",
    "Rewind",
    "SubscriberNotFound",
    "SubscriberStatus",
    "Target",
    "drain",
    "preview_rewind",
    "record",
    "relay_for",
    "relay_once",
    "requeue_held",
    "rest_after",
    "rewind",
    "shard_of",
    "skip_held",
    "status",
]
