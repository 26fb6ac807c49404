"""A customer who has signed in, speaking JSON."""

from typing import Any

from invoices.models import Customer
from outbox.models import OutboxEvent
from tests.api import ApiConsumer

CUSTOMER_HEADER = "X-Test-Customer"


class SignedInCustomer(ApiConsumer):
    """Sends requests as the customer."""

    def __init__(self, customer: Customer) -> None:
        super().__init__(secret="none")
        self.customer = customer

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return super().request(method, path, body, **{CUSTOMER_HEADER: self.customer.id} | headers)


def log_of(customer: Customer) -> list[str]:
    """The types of the customer's events, in order."""
    events = OutboxEvent.objects.filter(aggregate_id=customer.id).order_by("sequence")
    return list(events.values_list("type", flat=True))
