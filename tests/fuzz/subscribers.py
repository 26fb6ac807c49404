"""Webhook endpoints for operations to be about, in each state, and deliveries to them."""

from invoices.tests.factories import MERCHANT_KEY
from webhooks.outbound import services
from webhooks.outbound.models import Delivery, Endpoint


def make_endpoint() -> Endpoint:
    """Nobody listens there."""
    url, everything = "http://127.0.0.1:9/hook", ["*"]
    return services.create_endpoint(actor=MERCHANT_KEY, url=url, listens_to=everything, description="", key=None).row


def make_delivery() -> Delivery:
    """A ping that waits."""
    return services.ping(actor=MERCHANT_KEY, endpoint_id=make_endpoint().id)


def make_subscribers() -> list[str]:
    """Ids of endpoints: one with a delivery, one paused, one disabled; and of the delivery."""
    delivery, paused, disabled = make_delivery(), make_endpoint(), make_endpoint()
    services.pause(actor=MERCHANT_KEY, endpoint_id=paused.id)
    services.disable(actor=MERCHANT_KEY, endpoint_id=disabled.id)
    return [delivery.endpoint_id, paused.id, disabled.id, delivery.id]
