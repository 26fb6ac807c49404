"""All that use cases write, to be compared."""

from typing import Any

from billing.models import (
    Mail,
    Plan,
    PlanVersion,
    Session,
    Subscription,
    SubscriptionInvoice,
    UsageCounter,
    UsageRecord,
    User,
)
from invoices.models import CreditEntry, Customer, Entry, Invoice
from outbox.models import OutboxEvent
from payments.models import Difference, Dispute, Payment, PaymentMethod, Receipt, Refund
from webhooks.inbound.models import ProviderEvent

BILLING = (User, Session, Mail, Plan, PlanVersion, Subscription, SubscriptionInvoice, UsageCounter, UsageRecord)
PAYMENTS = (Payment, PaymentMethod, Receipt, Refund, Dispute, Difference)


def rows() -> dict[str, Any]:
    """The rows of each table, by its model's name."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (*BILLING, *PAYMENTS, Customer, Invoice, CreditEntry, Entry, OutboxEvent, ProviderEvent)
    }
