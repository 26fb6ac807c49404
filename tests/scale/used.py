"""Subscriptions, and what was used of them."""

import datetime

from billing.models import Plan, PlanVersion, Subscription, UsageCounter, UsageRecord
from billing.states import SubscriptionStatus
from config.kernel import clock, ids
from config.volume import bulk_insert
from invoices.models import Customer

PLANS = 10
PERIODS = 3
FEATURES = {"api_calls": {"limit": 1000}, "storage": {"limit": "1GB", "overage": {"unit_amount": 1, "per": 10**6}}}


def fill() -> None:
    """An active subscription of each customer, three periods of which calls were used, each twice."""
    now = clock.now()
    versions = [_version(f"Pro {number}", now) for number in range(PLANS)]
    ends_at = now + datetime.timedelta(days=30)
    subscriptions = [
        Subscription(
            id=ids.from_number("sub", ids.to_number("cus", customer.id)),
            status=SubscriptionStatus.ACTIVE,
            customer=customer,
            plan_version=versions[number % PLANS],
            family="default",
            live_family="default",
            anchored_at=now,
            period=PERIODS,
            period_starts_at=now,
            period_ends_at=ends_at,
            due_at=ends_at,
            created_at=customer.created_at,
        )
        for number, customer in enumerate(Customer.objects.order_by("id"))
    ]
    Subscription.objects.bulk_create(subscriptions)
    counters = [
        UsageCounter(
            subscription=each,
            plan_version=each.plan_version,
            feature="api_calls",
            period=period,
            used=14,
            created_at=now,
        )
        for each in subscriptions
        for period in range(1, PERIODS + 1)
    ]
    UsageCounter.objects.bulk_create(counters)
    common = {"delta": 7, "limit": 1000, "resets_at": ends_at, "actor": "api_key:key_1", "created_at": now}
    UsageRecord.objects.bulk_create(
        UsageRecord(counter=counter, used_after=after, **common) for counter in counters for after in (7, 14)
    )
    bulk_insert.analyze([Subscription, UsageCounter, UsageRecord])


def _version(name: str, now: datetime.datetime) -> PlanVersion:
    plan = Plan.objects.create(name=name, family="default", created_at=now)
    return PlanVersion.objects.create(
        plan=plan,
        number=1,
        amount=1000,
        currency="EUR",
        cycle="month",
        features=FEATURES,
        retry_policy={},
        grace_days=7,
        after_grace="suspend",
        created_at=now,
    )
