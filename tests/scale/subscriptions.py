"""Subscriptions as there are after years: most have ended, one has a long history, hardly any is due."""

import datetime

from billing.models import Cycle, Plan, PlanVersion, Subscription, SubscriptionInvoice
from billing.states import SubscriptionStatus
from config.kernel import clock
from config.volume import bulk_insert
from invoices.models import Customer, Invoice
from invoices.services import RetryPolicy

PLANS = 50
LONG_HISTORY = 500
"""Invoices of one subscription."""


def fill() -> None:
    """Two for each customer, of which the older has ended; every invoice has one. `used` makes those that use."""
    versions = _offer()
    subscriptions = [*_ended(versions), *_live(versions)]
    Subscription.objects.bulk_create(subscriptions)
    _bill(subscriptions)
    bulk_insert.analyze([Plan, PlanVersion, Subscription, SubscriptionInvoice])


def _offer() -> list[PlanVersion]:
    now = clock.now()
    plans = [Plan(name=f"Plan {number}", family=f"family-{number % 5}", created_at=now) for number in range(PLANS)]
    Plan.objects.bulk_create(plans)
    versions = [
        PlanVersion(
            plan=plan,
            number=number,
            amount=1000,
            currency="EUR",
            cycle=Cycle.MONTH,
            retry_policy=RetryPolicy.default().to_json(),
            grace_days=7,
            after_grace="suspend",
            created_at=now,
        )
        for plan in plans
        for number in (1, 2)
    ]
    PlanVersion.objects.bulk_create(versions)
    for plan, latest in zip(plans, versions[1::2], strict=True):
        plan.latest_version = latest
    Plan.objects.bulk_update(plans, ["latest_version"])
    return versions


def _subscription(customer: Customer, version: PlanVersion, **more: object) -> Subscription:
    now = clock.now()
    return Subscription(
        customer=customer,
        plan_version=version,
        family=version.plan.family,
        anchored_at=now,
        period=1,
        period_starts_at=now,
        period_ends_at=now + datetime.timedelta(days=30),
        created_at=now,
        **more,
    )


def _ended(versions: list[PlanVersion]) -> list[Subscription]:
    now = clock.now()
    return [
        _subscription(customer, versions[number % len(versions)], status=SubscriptionStatus.CANCELED, ended_at=now)
        for number, customer in enumerate(Customer.objects.order_by("id"))
    ]


def _live(versions: list[PlanVersion]) -> list[Subscription]:
    """Nearly all active, on a few plans; one in fifty owes, a few are suspended."""
    now = clock.now()
    rows = []
    for number, customer in enumerate(Customer.objects.order_by("id")):
        version = versions[number % 3]
        status = SubscriptionStatus.PAST_DUE if number % 50 == 1 else SubscriptionStatus.ACTIVE
        status = SubscriptionStatus.UNPAID if number % 100 == 2 else status
        is_due = status != SubscriptionStatus.UNPAID
        row = _subscription(
            customer,
            version,
            status=status,
            live_family=version.plan.family,
            past_due_at=None if status == SubscriptionStatus.ACTIVE else now,
            due_at=now + datetime.timedelta(hours=number + 1) if is_due else None,
        )
        rows.append(row)
    return rows


def _bill(subscriptions: list[Subscription]) -> None:
    now = clock.now()
    rows = []
    for number, invoice in enumerate(Invoice.objects.order_by("id")):
        subscription = subscriptions[-1] if number % 4 == 0 and number < 4 * LONG_HISTORY else subscriptions[number]
        rows.append(SubscriptionInvoice(subscription=subscription, invoice=invoice, period=number + 1, created_at=now))
    SubscriptionInvoice.objects.bulk_create(rows)
