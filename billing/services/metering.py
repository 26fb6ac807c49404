"""What was used of a subscription's features: closed when the period ends, told when a limit comes near. Steps."""

from billing import events
from billing.models import PlanVersion, Subscription, UsageCounter
from billing.services import features
from billing.services.features import Feature
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.prepared import Select
from invoices.services import Line
from outbox import services as outbox

THRESHOLDS = (80, 100)
"""Percent of a limit that are told, each once for each limit."""

_counters = Select(UsageCounter.objects.select_for_update().order_by("feature"), "subscription", "period")


def close_period(subscription: Subscription) -> list[Line]:
    """Requires its lock. Nothing is added to the current period from here on. What is over its limits, to be billed.

    A trial's limits have no price: nothing is ever used over them.
    """
    if not any(each.is_metered for each in features.read(subscription.plan_version.features).values()):
        return []
    return _close(subscription, _locked(subscription), subscription.plan_version)


def close_all(subscription: Subscription) -> list[Line]:
    """Requires its lock. As `close_period`, and of what was used in periods that no renewal has reached.

    Those are on the plan it changes to when its period ends.
    """
    open_ones = UsageCounter.objects.select_for_update().filter(subscription=subscription, closed_at=None)
    counters = list(open_ones.order_by("period", "feature"))
    current = [counter for counter in counters if counter.period <= subscription.period]
    late = [counter for counter in counters if counter.period > subscription.period]
    following = subscription.next_plan_version or subscription.plan_version
    return _close(subscription, current, subscription.plan_version) + _close(subscription, late, following)


def _close(subscription: Subscription, counters: list[UsageCounter], version: PlanVersion) -> list[Line]:
    db.require_transaction()
    read = features.read(version.features)
    metered = {name: each for name, each in read.items() if each.is_metered}
    most = features.overage_amount(read, price=version.amount)
    lines = []
    for counter in counters:
        counter.closed_at = clock.now()
        counter.save(update_fields=["closed_at"])
        feature = metered.get(counter.feature)
        if feature is not None and counter.period:
            lines += _over(subscription, feature, counter, most)
    return lines


def _over(subscription: Subscription, feature: Feature, counter: UsageCounter, most: int) -> list[Line]:
    """At most what an invoice takes: a change of plan may have made more of it overage than can be billed."""
    if feature.overage is None or feature.limit is None:
        return []
    units = min(feature.overage.units(counter.used, feature.limit), feature.overage.most_units(most))
    if not units:
        return []
    is_current = counter.period == subscription.period
    return [
        Line(
            unit_amount=feature.overage.unit_amount,
            quantity=units,
            description=f"{feature.name}: {counter.used - feature.limit} over {feature.limit}",
            starts_at=subscription.period_starts_at if is_current else None,
            ends_at=subscription.period_ends_at if is_current else None,
        )
    ]


def tell_crossed(
    counter: UsageCounter, subscription: Subscription, feature: Feature, *, used_before: int, actor: Principal
) -> None:
    """Requires the counter's lock. Tell of what its latest use has reached of the limit."""
    db.require_transaction()
    for percent in _reached(feature, counter.used):
        if percent not in _reached(feature, used_before):
            _tell(counter, subscription, feature, percent, actor)


def tell_changed(subscription: Subscription, *, was: PlanVersion, actor: Principal) -> None:
    """Requires its lock. Tell of what was used already of the limits that a change of plan has set."""
    db.require_transaction()
    before, now = features.read(was.features), features.read(subscription.plan_version.features)
    for counter in _locked(subscription):
        feature, old = now.get(counter.feature), before.get(counter.feature)
        if feature is None or (old is not None and old.limit == feature.limit):
            continue
        for percent in _reached(feature, counter.used):
            _tell(counter, subscription, feature, percent, actor)


def _reached(feature: Feature, used: int) -> list[int]:
    if feature.limit is None:
        return []
    return [percent for percent in THRESHOLDS if used * 100 >= percent * feature.limit]


def _tell(counter: UsageCounter, subscription: Subscription, feature: Feature, percent: int, actor: Principal) -> None:
    assert feature.limit is not None, feature
    told = events.of_usage(counter=counter, subscription=subscription, percent=percent, limit=feature.limit)
    outbox.record(source=counter, event=told, actor=actor)


def _locked(subscription: Subscription) -> list[UsageCounter]:
    return _counters.all(subscription.id, subscription.period)
