"""What happens to plans, subscriptions and usage, as subscribers read it."""

import datetime
from typing import Any

from billing.models import Plan, PlanVersion, Subscription, UsageCounter
from outbox.events import Event


class PlanEvent(Event):
    """A plan with its latest version, as it was right after the event. The amount is minor units of `currency`."""

    plan: str
    plan_version: int
    name: str
    family: str
    is_active: bool
    amount: int
    currency: str
    cycle: str
    trial_days: int
    features: dict[str, Any]


class PlanCreated(PlanEvent):
    type = "plan.created"


class PlanUpdated(PlanEvent):
    type = "plan.updated"


class SubscriptionEvent(Event):
    """A subscription, as it was right after the event. The amount of a cycle is minor units of `currency`."""

    subscription: str
    customer: str
    status: str
    plan: str
    plan_version: int
    next_plan: str | None
    amount: int
    currency: str
    period: int
    period_starts_at: datetime.datetime
    period_ends_at: datetime.datetime
    trial_ends_at: datetime.datetime | None
    cancels_at_period_end: bool
    ended_at: datetime.datetime | None


class SubscriptionCreated(SubscriptionEvent):
    type = "subscription.created"


class SubscriptionActivated(SubscriptionEvent):
    type = "subscription.activated"


class SubscriptionPastDue(SubscriptionEvent):
    type = "subscription.past_due"


class SubscriptionUnpaid(SubscriptionEvent):
    type = "subscription.unpaid"


class SubscriptionExpired(SubscriptionEvent):
    type = "subscription.expired"


class SubscriptionCanceled(SubscriptionEvent):
    type = "subscription.canceled"


class BilledSubscriptionEvent(SubscriptionEvent):
    """A subscription, as it was right after the event, and the invoice that came of it."""

    invoice: str | None


class SubscriptionRenewed(BilledSubscriptionEvent):
    type = "subscription.renewed"


class SubscriptionConverted(BilledSubscriptionEvent):
    type = "subscription.converted"


class SubscriptionPlanChanged(BilledSubscriptionEvent):
    type = "subscription.plan_changed"


class SubscriptionChangeScheduled(SubscriptionEvent):
    type = "subscription.change_scheduled"


class SubscriptionChangeUnscheduled(SubscriptionEvent):
    type = "subscription.change_unscheduled"


class SubscriptionCancelScheduled(SubscriptionEvent):
    type = "subscription.cancel_scheduled"


class SubscriptionReactivated(SubscriptionEvent):
    type = "subscription.reactivated"


class SubscriptionPaymentMethodChanged(SubscriptionEvent):
    type = "subscription.payment_method_changed"


class UsageThresholdReached(Event):
    """What was used of a feature in a period has come to `percent` of its limit, or gone over it."""

    type = "usage.threshold_reached"

    usage: str
    subscription: str
    customer: str
    feature: str
    period: int
    percent: int
    limit: int
    current_usage: int


def of_plan(event: type[PlanEvent], plan: Plan, version: PlanVersion) -> PlanEvent:
    """`event` about `plan` as it stands."""
    return event(
        plan=plan.id,
        plan_version=version.number,
        name=plan.name,
        family=plan.family,
        is_active=plan.is_active,
        amount=version.amount,
        currency=version.currency,
        cycle=version.cycle,
        trial_days=version.trial_days,
        features=version.features,
    )


def of_subscription(event: type[SubscriptionEvent], subscription: Subscription, **more: Any) -> SubscriptionEvent:
    """`event` about `subscription` as it stands; `more` are the further fields of that type."""
    version, following = subscription.plan_version, subscription.next_plan_version
    return event(
        subscription=subscription.id,
        customer=subscription.customer_id,
        status=subscription.status,
        plan=version.plan_id,
        plan_version=version.number,
        next_plan=following.plan_id if following else None,
        amount=version.amount,
        currency=version.currency,
        period=subscription.period,
        period_starts_at=subscription.period_starts_at,
        period_ends_at=subscription.period_ends_at,
        trial_ends_at=subscription.trial_ends_at,
        cancels_at_period_end=subscription.cancels_at_period_end,
        ended_at=subscription.ended_at,
        **more,
    )


def of_usage(*, counter: UsageCounter, subscription: Subscription, percent: int, limit: int) -> UsageThresholdReached:
    """That `counter`, as it stands, has come to `percent` of `limit`."""
    return UsageThresholdReached(
        usage=counter.id,
        subscription=subscription.id,
        customer=subscription.customer_id,
        feature=counter.feature,
        period=counter.period,
        percent=percent,
        limit=limit,
        current_usage=counter.used,
    )
