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
    return _close(subscription, _locked(subscription))


def close_all(subscription: Subscription) -> list[Line]:
    """Requires its lock. As `close_period`, and of what was used in periods that no renewal has reached."""
    open_ones = UsageCounter.objects.select_for_update().filter(subscription=subscription, closed_at=None)
    return _close(subscription, list(open_ones.order_by("period", "feature")))


def _close(subscription: Subscription, counters: list[UsageCounter]) -> list[Line]:
    db.require_transaction()
    lines = []
    for counter in counters:
        counter.closed_at = clock.now()
        counter.save(update_fields=["closed_at"])
        if counter.period:
            lines += _over(subscription, counter)
    return lines


def _over(subscription: Subscription, counter: UsageCounter) -> list[Line]:
    """At most what an invoice takes: a change of plan may have made more of it overage than can be billed."""
    version = _version(subscription, counter)
    read = features.read(version.features)
    feature = read[counter.feature]
    if feature.overage is None or feature.limit is None:
        return []
    most = features.overage_amount(read, price=version.amount)
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


def _version(subscription: Subscription, counter: UsageCounter) -> PlanVersion:
    """By which it is billed: nearly always the subscription's own, which is read already."""
    own = subscription.plan_version
    return own if counter.plan_version_id == own.id else counter.plan_version


def carry(subscription: Subscription, *, period: int) -> None:
    """Requires its lock. What was used in `period`, which a change of plan has cut short, counts in the one it began.

    Else each change would give a whole limit once more, for the price of the days between. As much as the new limit
    has: what is over it was billed, or was not to be paid for.
    """
    db.require_transaction()
    metered = _metered(subscription.plan_version)
    for old in _counters.all(subscription.id, period):
        feature = metered.get(old.feature)
        carried = 0 if feature is None else old.used if feature.limit is None else min(old.used, feature.limit)
        if carried:
            UsageCounter.objects.create(
                subscription=subscription,
                feature=old.feature,
                period=subscription.period,
                plan_version=subscription.plan_version,
                carried=carried,
                used=carried,
                created_at=clock.now(),
            )


def limit_anew(subscription: Subscription, *, was: PlanVersion, actor: Principal) -> None:
    """Requires its lock. What was used in the period is limited and billed by the plan it has changed to, where that
    has the feature, and what is reached of limits that are others now is told.
    """
    db.require_transaction()
    before, now = _metered(was), _metered(subscription.plan_version)
    for counter in _locked(subscription):
        feature, old = now.get(counter.feature), before.get(counter.feature)
        if feature is None:
            continue
        counter.plan_version = subscription.plan_version
        counter.save(update_fields=["plan_version"])
        if old is None or old.limit != feature.limit:
            for percent in _reached(feature, counter.used):
                _tell(counter, subscription, feature, percent, actor)


def _metered(version: PlanVersion) -> dict[str, Feature]:
    return {name: each for name, each in features.read(version.features).items() if each.is_metered}


def tell_crossed(
    counter: UsageCounter, subscription: Subscription, feature: Feature, *, used_before: int, actor: Principal
) -> None:
    """Requires the counter's lock. Tell of what its latest use has reached of the limit."""
    db.require_transaction()
    for percent in _reached(feature, counter.used):
        if percent not in _reached(feature, used_before):
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
