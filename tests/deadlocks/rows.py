"""All that use cases write, to be compared."""

from collections.abc import Callable
from typing import Any

from django.db import models

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
from invoices.models import CreditEntry, Customer, Entry, Invoice, InvoiceLine
from outbox.models import OutboxEvent
from payments.models import Difference, Dispute, Payment, PaymentMethod, Receipt, Refund
from webhooks.inbound.models import ProviderEvent

Models = tuple[type[models.Model], ...]

BILLING: Models = (User, Session, Mail, Plan, PlanVersion, Subscription, SubscriptionInvoice, UsageCounter, UsageRecord)
INVOICES: Models = (Customer, CreditEntry, Entry, Invoice, InvoiceLine)
PAYMENTS: Models = (Payment, PaymentMethod, Receipt, Refund, Dispute, Difference)
EVERY: Models = (*BILLING, *INVOICES, *PAYMENTS, OutboxEvent, ProviderEvent)
Row = dict[str, Any]


def rows() -> dict[str, list[Row]]:
    """The rows of each table, by its model's name."""
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in EVERY}


def done_by(act: Callable[[], object]) -> dict[str, tuple[int, int]]:
    """How many rows `act` made and how many it changed, by table."""
    before = rows()
    act()
    return {name: _difference(before[name], after) for name, after in rows().items()}


def _difference(before: list[Row], after: list[Row]) -> tuple[int, int]:
    known = {row["id"]: row for row in before}
    return len(after) - len(before), sum(row["id"] in known and row != known[row["id"]] for row in after)
