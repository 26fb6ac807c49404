"""What happens to webhook endpoints, as subscribers read it."""

from outbox.events import Event
from webhooks.outbound.models import Endpoint


class EndpointEvent(Event):
    """A webhook endpoint, as it was right after the event."""

    endpoint: str
    url: str
    events: list[str]
    status: str
    disabled_because: str


class EndpointCreated(EndpointEvent):
    type = "webhook_endpoint.created"


class EndpointUpdated(EndpointEvent):
    type = "webhook_endpoint.updated"


class EndpointSecretRotated(EndpointEvent):
    type = "webhook_endpoint.secret_rotated"


class EndpointPaused(EndpointEvent):
    type = "webhook_endpoint.paused"


class EndpointResumed(EndpointEvent):
    type = "webhook_endpoint.resumed"


class EndpointDisabled(EndpointEvent):
    type = "webhook_endpoint.disabled"


class EndpointEnabled(EndpointEvent):
    type = "webhook_endpoint.enabled"


class EndpointDeleted(EndpointEvent):
    type = "webhook_endpoint.deleted"


def of_endpoint(event: type[EndpointEvent], endpoint: Endpoint) -> EndpointEvent:
    """`event` of `endpoint` as it is now."""
    return event(
        endpoint=endpoint.id,
        url=endpoint.url,
        events=endpoint.events,
        status=endpoint.status,
        disabled_because=endpoint.disabled_because,
    )
