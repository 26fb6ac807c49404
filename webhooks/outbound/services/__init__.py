"""Every write to endpoints and deliveries."""

from webhooks.outbound.services.archiving import archive
from webhooks.outbound.services.delivering import Courier, deliver
from webhooks.outbound.services.endpoints import (
    DEFAULT_OVERLAP_SECONDS,
    MAX_OVERLAP_SECONDS,
    EndpointNotFound,
    TooManySecrets,
    UnknownEventType,
    UrlRefused,
    create_endpoint,
    delete,
    disable,
    enable,
    pause,
    resume,
    rotate_secret,
    update_endpoint,
    valid_secrets,
)
from webhooks.outbound.services.fanning_out import fan_out, wanted
from webhooks.outbound.services.messages import PING
from webhooks.outbound.services.resending import (
    DeliveryNotFound,
    EndpointNotEnabled,
    Resent,
    check_enabled,
    ping,
    resend,
    resend_many,
    resend_to_endpoint,
)

__all__ = [
    "DEFAULT_OVERLAP_SECONDS",
    "MAX_OVERLAP_SECONDS",
    "PING",
    "Courier",
    "DeliveryNotFound",
    "EndpointNotEnabled",
    "EndpointNotFound",
    "Resent",
    "TooManySecrets",
    "UnknownEventType",
    "UrlRefused",
    "archive",
    "check_enabled",
    "create_endpoint",
    "delete",
    "deliver",
    "disable",
    "enable",
    "fan_out",
    "pause",
    "ping",
    "resend",
    "resend_many",
    "resend_to_endpoint",
    "resume",
    "rotate_secret",
    "update_endpoint",
    "valid_secrets",
    "wanted",
]
