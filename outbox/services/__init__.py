"""Public use cases of the outbox. What an app needs is `record`; tests also need `drain`."""

from outbox.services.archiving import archive
from outbox.services.forgetting import StillConfigured, forget
from outbox.services.held import HeldEventNotFound, NotFirstInLine, requeue_held, skip_held
from outbox.services.progress import Progress
from outbox.services.reading import EventNotFound, find
from outbox.services.record import record, shard_of
from outbox.services.relay import drain, relay_for, relay_once, rest_after
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
    "StillConfigured",
    "SubscriberNotFound",
    "SubscriberStatus",
    "Target",
    "archive",
    "drain",
    "find",
    "forget",
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
