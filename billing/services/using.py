"""What customers use of what their plans hold: counted once, never over a hard limit.

A counter is raised by one conditional statement, whose row lock is held until the commit. What was read without a lock
before, the subscription and its plan, is checked once it is held: whoever changes a subscription raises its sequence.
"""

import dataclasses
from typing import Any

from django.db import IntegrityError, connection
from django.db.models import F

from billing.models import UsageCounter, UsageRecord
from billing.services import locks, metering, serving
from billing.services.features import Feature
from billing.services.locks import SubscriptionNotFound
from billing.services.serving import Serving
from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay, key_fields
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, FieldError, Invalid, Unavailable
from config.kernel.fields import by_id
from config.kernel.prepared import Select
from invoices import services as invoices
from invoices.models import Customer

MAX_DELTA = 10**12
LOOKS = 5
"""How often a use looks again before it is a 503: each time something else about the subscription has happened."""

_counters = Select(
    UsageCounter.objects.annotate(subscription_sequence=F("subscription__event_sequence")),  # type: ignore[no-redef]
    "subscription",
    "period",
    "feature",
)

_SUBSCRIPTION: Any = UsageCounter._meta.get_field("subscription")
_RAISE = (
    "UPDATE billing_usagecounter SET used = used + %s"
    " WHERE subscription_id = %s AND period = %s AND feature = %s AND closed_at IS NULL AND used + %s <= %s"
)
"""Written once: compiling it takes Django as long as the rest of a use."""


class NoSubscription(Conflict):
    """Customer {customer_id} has no subscription of which anything can be used now."""

    code = "no_subscription"


class SubscriptionNotServed(Conflict):
    """Nothing of subscription {subscription_id} can be used now: it is not paid for, has not begun or has ended."""

    code = "subscription_not_served"


class UnknownFeature(Invalid):
    """No plan of the customer has the feature {feature_name}."""

    code = "unknown_feature"


class FeatureNotMetered(Invalid):
    """{feature_name} is a switch: it is on or off, and nothing of it is used up."""

    code = "feature_not_metered"


class InvalidDelta(Invalid):
    """The delta is not valid."""

    code = "invalid_delta"


class UsageLimitExceeded(Conflict):
    """{delta} more of {feature_name} is over its limit of {limit}: {remaining} are left until {reset_at}."""

    code = "usage_limit_exceeded"


class UsageTooLarge(Conflict):
    """{delta} more of {feature_name} is more than can be counted, or billed, until {reset_at}: {most} in all."""

    code = "usage_too_large"


class _LookAgain(Exception):
    """What was read without a lock is no longer so."""


@dataclasses.dataclass(frozen=True)
class _Asked:
    customer_id: str
    feature_name: str
    delta: int
    subscription_id: str | None


def use(
    *,
    actor: Principal,
    customer_id: str,
    feature_name: str,
    delta: int,
    key: IdempotencyKey | None,
    subscription_id: str | None = None,
) -> Created[UsageRecord]:
    """Count `delta` (1 to MAX_DELTA) of a metered feature, of the customer's oldest served subscription that has it.

    What is over a limit without a price, or a trial's, is refused. Raises CustomerNotFound, SubscriptionNotFound,
    NoSubscription, SubscriptionNotServed, UnknownFeature, FeatureNotMetered, InvalidDelta, UsageLimitExceeded,
    UsageTooLarge, IdempotencyKeyReused.
    """
    if not actor.sees(customer_id):
        raise invoices.CustomerNotFound(id=customer_id)
    if type(delta) is not int or not 1 <= delta <= MAX_DELTA:
        raise InvalidDelta(errors=(FieldError("delta", "out_of_range", f"Send an integer from 1 to {MAX_DELTA}."),))
    asked = _Asked(customer_id, feature_name, delta, subscription_id)
    for _ in range(LOOKS):
        try:
            return find_earlier(UsageRecord, key) or _use_once(asked=asked, actor=actor, key=key)
        except _LookAgain:
            continue
    raise Unavailable()


@db.transaction(idempotent=lambda *, key, **_: key is not None)
def _use_once(*, asked: _Asked, actor: Principal, key: IdempotencyKey | None) -> Created[UsageRecord]:
    served, feature = _find(asked)
    if not _raise_counter(served, feature, asked.delta):
        _refuse_or_open(served, feature, asked.delta, key)
        if not _raise_counter(served, feature, asked.delta):
            raise _LookAgain
    counter = _counter(served, feature)
    if counter is None or counter.subscription_sequence != served.subscription.event_sequence:
        raise _LookAgain
    record = UsageRecord(
        counter=counter,
        delta=asked.delta,
        used_after=counter.used,
        limit=feature.limit,
        resets_at=served.ends_at,
        actor=actor.actor,
        created_at=clock.now(),
        **key_fields(key),
    )
    try:
        record.save(force_insert=True)
    except IntegrityError as error:
        if key is None:
            raise
        raise _LookAgain from error
    metering.tell_crossed(counter, served.subscription, feature, used_before=counter.used - asked.delta, actor=actor)
    return Created(record, True)


def _find(asked: _Asked) -> tuple[Serving, Feature]:
    found = [*serving.of_customer(asked.customer_id)] if asked.subscription_id is None else [_named(asked)]
    if not found:
        if by_id(Customer.objects.all(), asked.customer_id) is None:
            raise invoices.CustomerNotFound(id=asked.customer_id)
        raise NoSubscription(customer_id=asked.customer_id)
    having = [(each, each.features[asked.feature_name]) for each in found if asked.feature_name in each.features]
    for served, feature in having:
        if feature.is_metered:
            return served, feature
    unusable = FeatureNotMetered if having else UnknownFeature
    raise unusable(feature_name=asked.feature_name, errors=_about_feature(unusable.code))


def _named(asked: _Asked) -> Serving:
    assert asked.subscription_id is not None
    subscription, served = serving.find(asked.subscription_id)
    if subscription is None or subscription.customer_id != asked.customer_id:
        raise SubscriptionNotFound(id=asked.subscription_id)
    if served is None:
        raise SubscriptionNotServed(subscription_id=subscription.id)
    return served


def _about_feature(code: str) -> tuple[FieldError, ...]:
    return (FieldError("feature_name", code, "Send the name of a feature with a limit: GET /usage/limits has them."),)


def _raise_counter(served: Serving, feature: Feature, delta: int) -> bool:
    """Whether it is there, open, and has room. From here to the commit nobody else raises or closes it."""
    most = feature.most(served.overage_amount)
    subscription = _SUBSCRIPTION.get_db_prep_value(served.subscription.id, connection)
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [delta, subscription, served.period, feature.name, delta, most])
        return bool(cursor.rowcount)


def _counter(served: Serving, feature: Feature) -> UsageCounter | None:
    return _counters.one(served.subscription.id, served.period, feature.name)


def _refuse_or_open(served: Serving, feature: Feature, delta: int, key: IdempotencyKey | None) -> None:
    counter = _counter(served, feature)
    used = counter.used if counter else 0
    if counter is not None and counter.subscription_sequence != served.subscription.event_sequence:
        raise _LookAgain
    if used + delta > feature.most(served.overage_amount):
        if find_replay(UsageRecord, key):
            raise _LookAgain
        raise _refusal(served, feature, delta=delta, used=used)
    if counter is None:
        _open(served, feature)


def _open(served: Serving, feature: Feature) -> None:
    """The first use of a period: under the subscription's lock, so that no renewal passes by."""
    subscription = locks.lock_known(served.subscription)
    if subscription.event_sequence != served.subscription.event_sequence:
        raise _LookAgain
    if _counter(served, feature) is None:
        UsageCounter.objects.create(
            subscription=subscription,
            feature=feature.name,
            period=served.period,
            plan_version_id=served.plan_version_id,
            created_at=clock.now(),
        )


def _refusal(served: Serving, feature: Feature, *, delta: int, used: int) -> Conflict:
    most = feature.most(served.overage_amount)
    about: dict[str, Any] = {
        "feature_name": feature.name,
        "delta": delta,
        "current_usage": used,
        "limit": feature.limit,
    }
    about["reset_at"] = served.ends_at.isoformat().replace("+00:00", "Z")
    if most != feature.limit:
        return UsageTooLarge(most=most, **about)
    return UsageLimitExceeded(remaining=max(most - used, 0), **about)
