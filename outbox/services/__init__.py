"""Public use cases of the outbox. What an app needs is `record`; tests also need `drain`."""

from outbox.services.held import HeldEventNotFound, NotFirstInLine, requeue_held, skip_held
from outbox.services.record import record, shard_of
from outbox.services.relay import Progress, drain, relay_for, relay_once
from outbox.services.status import SubscriberStatus, status

__all__ = [
    "HeldEventNotFound",
    "NotFirstInLine",
    "Progress",
    "SubscriberStatus",
    "drain",
    "record",
    "relay_for",
    "relay_once",
    "requeue_held",
    "shard_of",
    "skip_held",
    "status",
]
