"""Which subscriptions serve a customer now, with what, and in which period: the one that the business clock is in.

A renewal may come late, and what is used meanwhile belongs to the period that has begun, on the plan that it is on. A
trial goes on until it is converted. What was to end with its period serves nothing once that is over.
"""

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import F

from billing.models import Subscription
from billing.services import charging, features
from billing.services.features import Feature
from billing.states import SERVED
from config.kernel import clock
from config.kernel.prepared import Select

_WITH_PLAN = Subscription.objects.annotate(
    plan_features=F("plan_version__features"), plan_amount=F("plan_version__amount")
)
_served_by_customer = Select(_WITH_PLAN.filter(status__in=SERVED).order_by("id"), "customer")
_by_id = Select(_WITH_PLAN, "id")


@dataclasses.dataclass(frozen=True)
class Serving:
    """A subscription that serves its customer, in period `period`. What it says holds while no event is added to it."""

    subscription: Subscription
    plan_version_id: str
    period: int
    ends_at: datetime.datetime
    features: Mapping[str, Feature]
    overage_amount: int
    """What the overage of each feature may cost; nothing in a trial, whose limits have no price."""


def of_customer(customer_id: str) -> Iterator[Serving]:
    """What serves the customer, the oldest first: one statement, and one for each whose renewal is late."""
    now = clock.now()
    for row in _served_by_customer.all(customer_id):
        serving = _serving(row, now)
        if serving is not None:
            yield serving


def find(subscription_id: str) -> tuple[Subscription | None, Serving | None]:
    """The subscription with this id, if there is one, and how it serves its customer, if it does."""
    row = _by_id.one(subscription_id)
    if row is None or row.status not in SERVED:
        return row, None
    return row, _serving(row, clock.now())


def _serving(row: Any, now: datetime.datetime) -> Serving | None:
    if row.period_ends_at > now:
        return _read(row, row.plan_features, row.plan_amount)
    if row.cancels_at_period_end:
        return None
    if row.period == 0:
        return _read(row, row.plan_features, row.plan_amount)
    return _late(row.id, now)


def _late(subscription_id: str, now: datetime.datetime) -> Serving:
    """As it will be once all the renewals are made that are due."""
    plans = Subscription.objects.select_related("plan_version", "next_plan_version")
    subscription = plans.get(id=subscription_id)
    while subscription.period_ends_at <= now:
        charging.change_to_next_plan(subscription)
        charging.enter(subscription, charging.following_period(subscription))
    return _read(subscription, subscription.plan_version.features, subscription.plan_version.amount)


def _read(subscription: Subscription, stored: Mapping[str, Any], price: int) -> Serving:
    read = features.read(stored)
    return Serving(
        subscription=subscription,
        plan_version_id=subscription.plan_version_id,
        period=subscription.period,
        ends_at=subscription.period_ends_at,
        features=read,
        overage_amount=features.overage_amount(read, price=price) if subscription.period else 0,
    )
