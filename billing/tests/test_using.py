"""Using what a plan holds: of which subscription, in which period, and what is refused."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from billing import services
from billing.models import Subscription, UsageCounter, UsageRecord
from billing.services import features
from billing.services.canceling import When
from billing.states import SERVED, SubscriptionStatus
from billing.tests.factories import (
    VISA,
    again,
    go_to,
    make_active,
    make_customer,
    make_plan,
    make_subscription,
    make_trial,
    renew,
    settle,
)
from billing.tests.usage import SOFT_LIMIT, metered, use, used_of
from invoices.tests.factories import MERCHANT_KEY
from payments.tests.factories import HARD, make_key

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def test_what_is_used_is_counted_and_kept() -> None:
    """Each use is a record that says how the counter stood then."""
    subscription = make_active(metered(10))
    first, second = use(subscription, 3), use(subscription, 4)
    assert (first.used_after, second.used_after, second.limit) == (3, 7, 10)
    assert second.resets_at == subscription.period_ends_at
    assert used_of(subscription) == {1: 7}
    assert second.actor == MERCHANT_KEY.actor


def test_a_hard_limit_refuses_what_does_not_fit_and_stores_nothing() -> None:
    """Neither a record nor a counter; what fits is still taken."""
    subscription = make_active(metered(10))
    with pytest.raises(services.UsageLimitExceeded) as refused:
        use(subscription, 11)
    assert (refused.value.attributes["current_usage"], refused.value.attributes["remaining"]) == (0, 10)
    assert UsageCounter.objects.count() == UsageRecord.objects.count() == 0
    use(subscription, 8)
    with pytest.raises(services.UsageLimitExceeded) as refused:
        use(subscription, 3)
    assert (refused.value.attributes["current_usage"], refused.value.attributes["remaining"]) == (8, 2)
    assert use(subscription, 2).used_after == 10


def test_a_limit_of_nothing_refuses_everything() -> None:
    """0 is a limit, null is none."""
    with pytest.raises(services.UsageLimitExceeded):
        use(make_active(metered(0)))
    assert use(make_active(metered({"limit": None})), services.MAX_DELTA).limit is None


def test_a_size_is_counted_in_bytes() -> None:
    """1 KiB has room for 1,024."""
    subscription = make_active(metered("1KiB"))
    assert use(subscription, 1024).limit == 1024
    with pytest.raises(services.UsageLimitExceeded):
        use(subscription)


@pytest.mark.parametrize("delta", [0, -1, True, 1.5, "1", None, services.MAX_DELTA + 1])
def test_what_is_no_count_is_refused(delta: Any) -> None:
    """By the service too, whoever calls it."""
    with pytest.raises(services.InvalidDelta):
        use(Subscription(customer_id=make_customer().id), delta)


def test_switches_and_unknown_features_cannot_be_used() -> None:
    """Each says which it is."""
    subscription = make_active(metered())
    with pytest.raises(services.FeatureNotMetered):
        use(subscription, feature="sso")
    with pytest.raises(services.UnknownFeature):
        use(subscription, feature="nothing")


def _past_due(limit: int) -> Subscription:
    subscription = make_active(metered(limit))
    go_to(subscription.period_ends_at)
    renew()
    return settle(subscription, HARD)


def _unpaid(limit: int) -> Subscription:
    subscription = _past_due(limit)
    assert subscription.past_due_at is not None
    go_to(subscription.past_due_at + datetime.timedelta(days=7))
    renew()
    return again(subscription)


def _canceled(limit: int) -> Subscription:
    active = make_active(metered(limit))
    return services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=active.id)


def _expired(limit: int) -> Subscription:
    trial = make_trial(metered(limit, trial_days=14))
    go_to(trial.period_ends_at)
    renew()
    return again(trial)


BY_STATUS: dict[str, Callable[[int], Subscription]] = {
    "pending": lambda limit: make_subscription(metered(limit)),
    "trialing": lambda limit: make_trial(metered(limit, trial_days=14)),
    "active": lambda limit: make_active(metered(limit)),
    "past_due": _past_due,
    "unpaid": _unpaid,
    "canceled": _canceled,
    "expired": _expired,
}


@pytest.mark.parametrize("status", SubscriptionStatus.values)
def test_only_what_is_served_can_be_used(status: str) -> None:
    """Trialing, active and past due; anything else says so, by whichever name it is asked."""
    subscription = BY_STATUS[status](5)
    assert subscription.status == status
    if status in SERVED:
        assert (use(subscription, 2).used_after, use(subscription, 3, named=True).used_after) == (2, 5)
        return
    with pytest.raises(services.NoSubscription):
        use(subscription)
    with pytest.raises(services.SubscriptionNotServed):
        use(subscription, named=True)


def test_of_several_subscriptions_the_oldest_that_meters_the_feature_is_used() -> None:
    """Another one where it is named."""
    customer = make_customer()
    make_active(make_plan(family="support", features={"tickets": {"limit": 5}, "api_calls": True}), customer=customer)
    first = make_active(metered(10, family="first"), customer=customer)
    second = make_active(metered(10, family="second"), customer=customer)
    assert use(second, 2).counter.subscription_id == first.id
    assert use(second, 3, named=True).counter.subscription_id == second.id
    assert (used_of(first), used_of(second)) == ({1: 2}, {1: 3})


def test_a_subscription_of_somebody_else_is_not_found() -> None:
    """Nor is one that is nobody's."""
    mine, other = make_active(metered()), make_active(metered())
    for name in (other.id, "sub_nonsense"):
        with pytest.raises(services.SubscriptionNotFound):
            services.use(
                actor=MERCHANT_KEY,
                customer_id=mine.customer_id,
                feature_name="api_calls",
                delta=1,
                key=None,
                subscription_id=name,
            )


def test_a_new_period_begins_at_nothing() -> None:
    """The one before stays as it was, closed."""
    subscription = make_active(metered(10))
    use(subscription, 10)
    go_to(subscription.period_ends_at)
    renew()
    assert use(subscription, 4).used_after == 4
    assert used_of(subscription) == {1: 10, 2: 4}
    assert UsageCounter.objects.get(period=1).closed_at is not None
    assert UsageCounter.objects.get(period=2).closed_at is None


def test_while_a_renewal_is_late_what_is_used_counts_in_the_period_that_has_begun() -> None:
    """Two periods late: in the third, with its limit and its end; the renewals that follow go on with its counter."""
    subscription = make_active(metered(10))
    use(subscription, 10)
    go_to(subscription.period_ends_at + datetime.timedelta(days=40))
    late = use(subscription, 6)
    assert (late.counter.period, late.used_after) == (3, 6)
    assert late.resets_at > subscription.period_ends_at + datetime.timedelta(days=40)
    renew()
    renewed = again(subscription)
    assert (renewed.period, renewed.period_ends_at) == (3, late.resets_at)
    assert use(subscription, 4).used_after == 10
    assert used_of(subscription) == {1: 10, 3: 10}


def test_while_a_change_of_plan_is_late_what_is_used_counts_on_the_new_plan() -> None:
    """It began when the period ended, whoever has noticed."""
    subscription = make_active(metered(10))
    plan = metered(20, amount=500, cycle="week")
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=plan.id, when=When.PERIOD_END)
    go_to(subscription.period_ends_at + datetime.timedelta(days=8))
    late = use(subscription, 20)
    assert (late.counter.period, late.limit) == (3, 20)
    renew()
    assert (again(subscription).period, again(subscription).period_ends_at) == (3, late.resets_at)


def test_a_trial_goes_on_until_it_is_converted() -> None:
    """What is left of its limit can be used though it is over; then its first period begins at nothing."""
    trial = make_trial(metered(10, trial_days=14), terms=VISA)
    use(trial, 4)
    go_to(trial.period_ends_at)
    assert use(trial, 6).counter.period == 0
    with pytest.raises(services.UsageLimitExceeded):
        use(trial)
    renew()
    assert use(trial, 10).counter.period == 1


def test_what_ends_with_its_period_serves_nothing_after_it() -> None:
    """Though nobody has ended it yet."""
    subscription = make_active(metered())
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id, when=When.PERIOD_END)
    assert use(subscription).used_after == 1
    go_to(subscription.period_ends_at)
    with pytest.raises(services.NoSubscription):
        use(subscription)
    with pytest.raises(services.SubscriptionNotServed):
        use(subscription, named=True)


def test_a_change_of_plan_keeps_the_counter() -> None:
    """Under the new limit, in the same period."""
    subscription = make_active(metered(10))
    use(subscription, 10)
    plan = metered(15, amount=2000)
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=plan.id)
    assert use(subscription, 5).used_after == 15
    with pytest.raises(services.UsageLimitExceeded):
        use(subscription)
    assert used_of(subscription) == {1: 15}


def test_the_limits_of_a_trial_are_hard() -> None:
    """What would be billed in a paid period is refused in a trial."""
    trial = make_trial(metered(SOFT_LIMIT, trial_days=14), terms=VISA)
    use(trial, 100)
    with pytest.raises(services.UsageLimitExceeded):
        use(trial)


def test_what_could_not_be_billed_is_refused() -> None:
    """What one line of an invoice takes, together with the price of the plan, is the end of a soft limit."""
    plan = metered({"limit": 1, "overage": {"unit_amount": 10**9}})
    subscription = make_active(plan)
    most = 1 + features.overage_amount(features.read(plan.latest_version.features), price=1000) // 10**9  # type: ignore[union-attr]
    assert use(subscription, most).used_after == most
    with pytest.raises(services.UsageTooLarge) as refused:
        use(subscription)
    assert refused.value.attributes["most"] == most
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).period == 2


def test_more_than_can_be_counted_is_refused() -> None:
    """Also where there is no limit."""
    subscription = make_active(metered({"limit": None}))
    use(subscription)
    counter = UsageCounter.objects.get()
    UsageCounter.objects.update(used=features.MAX_USED - 1)
    with pytest.raises(services.UsageTooLarge):
        use(subscription, 2)
    assert use(subscription).used_after == features.MAX_USED
    UsageCounter.objects.filter(id=counter.id).update(used=2)


def test_a_replay_answers_what_was_answered_then() -> None:
    """The same record, after more was used, the plan was changed and the subscription has ended."""
    subscription, key = make_active(metered(10)), make_key(operation="usage.use")
    first = use(subscription, 2, key=key)
    use(subscription, 5)
    plan = metered(20, amount=2000)
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=plan.id)
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
    replayed = services.use(
        actor=MERCHANT_KEY, customer_id=subscription.customer_id, feature_name="api_calls", delta=2, key=key
    )
    assert not replayed.is_new
    assert (replayed.row.id, replayed.row.used_after, replayed.row.limit) == (first.id, 2, 10)
    assert used_of(subscription) == {1: 7}
