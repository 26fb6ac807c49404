"""What is over a limit is billed when its period ends, and limits that come near are told."""

import pytest

from billing import services
from billing.models import Subscription, UsageCounter
from billing.services.canceling import When
from billing.tests.factories import VISA, again, go_to, invoices_of, make_active, make_plan, make_trial, renew
from billing.tests.usage import SOFT_LIMIT, metered, told, use, used_of
from invoices.models import InvoiceLine
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def lines_of(subscription: Subscription, place: int = -1) -> list[tuple[str, int, int, int]]:
    """(description, quantity, unit amount, amount) of its latest invoice, or the one at `place`."""
    lines = InvoiceLine.objects.filter(invoice=invoices_of(subscription)[place]).order_by("position")
    return [(line.description, line.quantity, line.unit_amount, line.amount) for line in lines]


def change(subscription: Subscription, limit: object, *, amount: int, when: When = When.NOW) -> None:
    services.change_plan(
        actor=MERCHANT_KEY,
        subscription_id=subscription.id,
        plan_id=metered(limit, amount=amount).id,
        when=when,
    )


def test_what_is_over_a_soft_limit_is_billed_with_the_next_period() -> None:
    """Each ten begun of what is over, once; the next period owes nothing of it."""
    subscription = make_active(metered(SOFT_LIMIT))
    use(subscription, 100)
    assert use(subscription, 21).used_after == 121
    go_to(subscription.period_ends_at)
    renew()
    assert lines_of(subscription) == [("Basic", 1, 1000, 1000), ("api_calls: 21 over 100", 3, 7, 21)]
    go_to(again(subscription).period_ends_at)
    renew()
    assert lines_of(subscription) == [("Basic", 1, 1000, 1000)]


def test_what_is_used_up_to_the_limit_costs_nothing() -> None:
    """Nor does what was never used."""
    subscription = make_active(metered(SOFT_LIMIT))
    use(subscription, 100)
    go_to(subscription.period_ends_at)
    renew()
    assert lines_of(subscription) == [("Basic", 1, 1000, 1000)]


def test_what_was_used_while_a_renewal_was_late_is_billed_with_its_own_period() -> None:
    """Not with the one before."""
    subscription = make_active(metered(SOFT_LIMIT))
    use(subscription, 110)
    go_to(subscription.period_ends_at)
    use(subscription, 150)
    renew()
    assert lines_of(subscription)[1] == ("api_calls: 10 over 100", 1, 7, 7)
    go_to(again(subscription).period_ends_at)
    renew()
    assert lines_of(subscription)[1] == ("api_calls: 50 over 100", 5, 7, 35)


def test_what_is_over_a_limit_is_billed_when_a_subscription_is_canceled() -> None:
    """With an invoice of its own."""
    subscription = make_active(metered(SOFT_LIMIT))
    use(subscription, 105)
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
    assert lines_of(subscription) == [("api_calls: 5 over 100", 1, 7, 7)]


def test_what_was_used_in_a_period_that_nobody_has_begun_is_billed_by_the_plan_it_changes_to() -> None:
    """That is what let it in. The period is billed first, and what it has used when it is canceled."""
    subscription = make_active(metered(SOFT_LIMIT))
    use(subscription, 105)
    change(subscription, {"limit": 10, "overage": {"unit_amount": 3}}, amount=500, when=When.PERIOD_END)
    go_to(subscription.period_ends_at)
    use(subscription, 12)
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
    assert lines_of(subscription, -2) == [("Basic", 1, 500, 500), ("api_calls: 5 over 100", 1, 7, 7)]
    assert lines_of(subscription) == [("api_calls: 2 over 10", 2, 3, 6)]


def test_what_was_over_is_billed_whatever_plan_the_period_ends_on() -> None:
    """By the latest plan that had the feature: one without it forgets nothing, and nothing is billed by a later one."""
    subscription = make_active(metered(SOFT_LIMIT))
    use(subscription, 130)
    services.change_plan(
        actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=make_plan(1001, name="Unmetered").id
    )
    change(subscription, {"limit": 0, "overage": {"unit_amount": 1000}}, amount=500, when=When.PERIOD_END)
    go_to(again(subscription).period_ends_at)
    renew()
    assert lines_of(subscription) == [("Basic", 1, 500, 500), ("api_calls: 30 over 100", 3, 7, 21)]
    assert not UsageCounter.objects.filter(closed_at=None).exists()


def test_what_was_used_goes_on_counting_when_another_cycle_begins() -> None:
    """Up to the new limit: changing to and fro gives no further limit, and nothing that was free is billed."""
    subscription = make_active(metered(100, amount=3000))
    use(subscription, 100)
    change_cycle(subscription, "week", 750)
    with pytest.raises(services.UsageLimitExceeded) as refused:
        use(subscription)
    assert refused.value.detail.startswith("1 more of api_calls is over its limit of 100: 0 are left")
    change_cycle(subscription, "month", 3000, limit={"limit": 40, "overage": {"unit_amount": 7}})
    use(subscription, 2)
    go_to(again(subscription).period_ends_at)
    renew()
    assert lines_of(subscription)[1] == ("api_calls: 2 over 40", 2, 7, 14)
    assert used_of(subscription) == {1: 100, 2: 100, 3: 42}


def change_cycle(subscription: Subscription, cycle: str, amount: int, limit: object = 100) -> None:
    services.change_plan(
        actor=MERCHANT_KEY,
        subscription_id=subscription.id,
        plan_id=metered(limit, amount=amount, cycle=cycle).id,
        when=When.NOW,
    )


def test_a_trial_bills_nothing_of_what_was_used() -> None:
    """Its first invoice is the plan's price."""
    trial = make_trial(metered(SOFT_LIMIT, trial_days=14), terms=VISA)
    use(trial, 100)
    go_to(trial.period_ends_at)
    renew()
    assert lines_of(trial) == [("Basic", 1, 1000, 1000)]


def test_a_change_that_makes_more_overage_than_can_be_billed_bills_what_can_be() -> None:
    """So that the renewal does not fail for ever."""
    subscription = make_active(metered({"limit": None}))
    use(subscription, 10**6)
    change(subscription, {"limit": 0, "overage": {"unit_amount": 10**9}}, amount=2000)
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).period == 2
    assert lines_of(subscription)[1][1:3] == (499, 10**9)


def test_each_threshold_is_told_once() -> None:
    """At 80 and 100 percent, by the use that reaches it, in a log of the counter's own."""
    subscription = make_active(metered(10))
    use(subscription, 7)
    assert told(subscription) == []
    use(subscription)
    assert told(subscription) == [(80, 10, 8)]
    use(subscription)
    use(subscription)
    assert told(subscription) == [(80, 10, 8), (100, 10, 10)]
    counter = UsageCounter.objects.get()
    events = OutboxEvent.objects.filter(aggregate_id=counter.id).order_by("sequence")
    assert [(event.sequence, event.actor) for event in events] == [(1, MERCHANT_KEY.actor), (2, MERCHANT_KEY.actor)]
    assert counter.event_sequence == 2


@pytest.mark.parametrize(("limit", "delta"), [(10, 10), (SOFT_LIMIT, 250)])
def test_a_use_that_jumps_over_both_thresholds_tells_both(limit: object, delta: int) -> None:
    """Also where the limit is not an end, and more than it was used."""
    subscription = make_active(metered(limit))
    use(subscription, delta)
    assert [each[0] for each in told(subscription)] == [80, 100]
    if limit is SOFT_LIMIT:
        use(subscription, 500)
        assert len(told(subscription)) == 2


def test_a_new_period_tells_anew() -> None:
    """It has a counter and a log of its own."""
    subscription = make_active(metered(10))
    use(subscription, 9)
    go_to(subscription.period_ends_at)
    renew()
    use(subscription, 8)
    assert told(subscription) == [(80, 10, 9), (80, 10, 8)]


def test_a_higher_limit_is_told_again_when_it_comes_near() -> None:
    """Once for each limit; nothing is told of what is far from it now."""
    subscription = make_active(metered(10))
    use(subscription, 10)
    change(subscription, 20, amount=2000)
    assert [each[:2] for each in told(subscription)] == [(80, 10), (100, 10)]
    use(subscription, 6)
    use(subscription, 4)
    assert told(subscription)[2:] == [(80, 20, 16), (100, 20, 20)]


def test_a_change_to_a_limit_that_is_reached_already_tells_so_at_once() -> None:
    """Nobody has to use more to hear of it; another plan with the same limit tells nothing."""
    subscription = make_active(metered(100))
    use(subscription, 60)
    change(subscription, 70, amount=1100)
    assert told(subscription) == [(80, 70, 60)]
    change(subscription, 50, amount=1200)
    assert told(subscription)[1:] == [(80, 50, 60), (100, 50, 60)]
    change(subscription, 50, amount=1300)
    assert len(told(subscription)) == 3


def test_what_has_no_limit_or_a_limit_of_nothing_tells_nothing() -> None:
    """There is nothing to come near to."""
    for limit in ({"limit": None}, {"limit": 0, "overage": {"unit_amount": 1}}):
        subscription = make_active(metered(limit))
        use(subscription, 5)
        assert told(subscription) == []
