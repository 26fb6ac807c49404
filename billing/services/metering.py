"""What was used of a subscription's features in a period, closed when the period ends. Steps under its lock."""

from billing.models import Subscription, UsageCounter
from billing.services import features
from billing.services.features import Feature
from config.kernel import clock, db
from config.kernel.prepared import Select
from invoices.services import Line

_counters = Select(UsageCounter.objects.select_for_update().order_by("feature"), "subscription", "period")


def close_period(subscription: Subscription) -> list[Line]:
    """Nothing is added to the current period from here on. What it has used over its limits, to be billed.

    A trial's limits have no price: nothing is ever used over them.
    """
    db.require_transaction()
    metered = {
        name: each for name, each in features.read(subscription.plan_version.features).items() if each.is_metered
    }
    if not metered:
        return []
    lines = []
    for counter in _counters.all(subscription.id, subscription.period):
        counter.closed_at = clock.now()
        counter.save(update_fields=["closed_at"])
        feature = metered.get(counter.feature)
        if feature is not None and subscription.period:
            lines += _over(subscription, feature, counter.used)
    return lines


def _over(subscription: Subscription, feature: Feature, used: int) -> list[Line]:
    if feature.overage is None or feature.limit is None or used <= feature.limit:
        return []
    return [
        Line(
            unit_amount=feature.overage.unit_amount,
            quantity=feature.overage.units(used, feature.limit),
            description=f"{feature.name}: {used - feature.limit} over {feature.limit}",
            starts_at=subscription.period_starts_at,
            ends_at=subscription.period_ends_at,
        )
    ]
