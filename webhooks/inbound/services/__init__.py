"""Every write to the inbox."""

from webhooks.inbound.services.archiving import archive
from webhooks.inbound.services.receiving import Answer, UnknownEndpoint, receive
from webhooks.inbound.services.replaying import MAX_REASON_LENGTH, EventNotFound, ReasonMissing, replay
from webhooks.inbound.services.retrying import release_parked, sweep

__all__ = [
    "MAX_REASON_LENGTH",
    "Answer",
    "EventNotFound",
    "ReasonMissing",
    "UnknownEndpoint",
    "archive",
    "receive",
    "release_parked",
    "replay",
    "sweep",
]
