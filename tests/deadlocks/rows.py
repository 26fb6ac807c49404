"""All that use cases write, to be compared."""

from typing import Any

from billing.models import Subscription, UsageCounter, UsageRecord
from invoices.models import Customer, Invoice
from outbox.models import OutboxEvent
from payments.models import Difference, Dispute, Payment, Receipt, Refund
from webhooks.inbound.models import ProviderEvent


def rows() -> dict[str, Any]:
    """The rows of each table, by its model's name."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (
            Customer,
            Invoice,
            Payment,
            Receipt,
            Refund,
            Dispute,
            Difference,
            OutboxEvent,
            ProviderEvent,
            Subscription,
            UsageCounter,
            UsageRecord,
        )
    }
