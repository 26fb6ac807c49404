"""Uses of what plans hold, and what became of them."""

from typing import Any

from rest_framework.test import APIClient

from billing import services
from billing.models import Plan, Subscription, UsageCounter, UsageRecord
from billing.tests.factories import make_plan
from config.api import principals
from config.api.idempotency import IdempotencyKey
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent

SOFT_LIMIT = {"limit": 100, "overage": {"unit_amount": 7, "per": 10}}


def metered(limit: Any = 1000, **terms: Any) -> Plan:
    """A plan with so many calls in a period, or with what `limit` says of them."""
    said = limit if isinstance(limit, dict) else {"limit": limit}
    return make_plan(features={"api_calls": said, "sso": True}, **terms)


def use(
    subscription: Subscription,
    delta: int = 1,
    *,
    feature: str = "api_calls",
    key: IdempotencyKey | None = None,
    named: bool = False,
) -> UsageRecord:
    """As the merchant's back end, of whatever the customer has, or of this subscription."""
    used = services.use(
        actor=MERCHANT_KEY,
        customer_id=subscription.customer_id,
        feature_name=feature,
        delta=delta,
        key=key,
        subscription_id=subscription.id if named else None,
    )
    return used.row


def used_of(subscription: Subscription) -> dict[int, int]:
    """What was used of calls, by period."""
    counters = UsageCounter.objects.filter(subscription=subscription, feature="api_calls")
    return dict(counters.values_list("period", "used"))


def told(subscription: Subscription) -> list[tuple[int, int, int]]:
    """(percent, limit, used then) of each threshold that was told, in order."""
    events = OutboxEvent.objects.filter(type="usage.threshold_reached", data__subscription=subscription.id)
    rows = [event.data for event in events.order_by("id")]
    return [(row["percent"], row["limit"], row["current_usage"]) for row in rows]


def signed_in(customer_id: str) -> APIClient:
    """A client of this customer."""
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user=principals.customer(customer_id))  # type: ignore[arg-type]
    return client
