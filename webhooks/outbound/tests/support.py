"""What the tests of outbound webhooks share."""

from config.api.principals import system
from invoices.models import Customer
from invoices.services import create_customer
from outbox import services as outbox
from webhooks.outbound import services
from webhooks.outbound.models import Delivery, Endpoint

ACTOR = system("tests")


def make_endpoint(url: str = "http://127.0.0.1:9/hook", *, listens_to: tuple[str, ...] = ("customer.*",)) -> Endpoint:
    """Enabled, and known to the relay: what happens from now on is fanned out."""
    outbox.drain()
    created = services.create_endpoint(actor=ACTOR, url=url, listens_to=listens_to, description="", key=None)
    outbox.drain()
    return created.row


def happen(times: int = 1) -> list[Customer]:
    """So many customers are created, and fanned out."""
    customers = [
        create_customer(actor=ACTOR, name=f"Ada {n}", email="", metadata={}, key=None).row for n in range(times)
    ]
    outbox.drain()
    return customers


def deliver() -> int:
    """Everything that is due now."""
    return services.deliver(stop=lambda: False)


def the_delivery() -> Delivery:
    """The only one."""
    return Delivery.objects.select_related("endpoint", "event").get()
