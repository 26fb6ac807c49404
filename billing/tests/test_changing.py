"""Changes of plan: now with what was not used credited, later when the period ends, and what is refused."""

import datetime
from typing import Any

import pytest
import time_machine

from billing import services
from billing.models import Cycle, Plan, Subscription, SubscriptionInvoice
from billing.services import When, calendar
from billing.tests.factories import (
    VISA,
    again,
    events_of,
    go_to,
    invoices_of,
    make_active,
    make_plan,
    make_subscription,
    make_trial,
    renew,
    settle,
)
from config.api import principals
from config.api.principals import Principal
from config.kernel import clock
from config.kernel.errors import Conflict, ForbiddenTransition
from config.test_clock.services import advance
from invoices.tests.factories import MERCHANT_KEY
from payments.tests.factories import make_payment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def change(
    subscription: Subscription, plan: Plan, when: When | None = None, actor: Principal = MERCHANT_KEY
) -> Subscription:
    return services.change_plan(actor=actor, subscription_id=subscription.id, plan_id=plan.id, when=when)


def half_way(subscription: Subscription) -> None:
    """To the middle of the period, less the moments that tests take."""
    length = subscription.period_ends_at - subscription.period_starts_at
    go_to(subscription.period_starts_at + length / 2 - datetime.timedelta(seconds=1))


def lines_of(subscription: Subscription) -> list[tuple[str, int]]:
    """Of its latest invoice."""
    return [(line.description, line.amount) for line in invoices_of(subscription)[-1].lines.order_by("position")]


def test_an_upgrade_begins_now_and_credits_what_is_not_used() -> None:
    """Half of what the old plan cost for the period comes back on the invoice for half of the new one."""
    subscription = make_active(make_plan(1000))
    half_way(subscription)
    changed = change(subscription, make_plan(3000, name="Pro"))
    assert lines_of(subscription) == [("Not used: Basic", -500), ("Pro", 1500)]
    assert (changed.period, changed.period_ends_at) == (1, subscription.period_ends_at)
    assert settle(subscription).status == "active"
    assert events_of(subscription) == ["created", "activated", "plan_changed"]
    credited = invoices_of(subscription)[-1].lines.get(position=1)
    assert credited.reverses == invoices_of(subscription)[0].lines.get()


def test_upgrades_within_one_period_add_up_to_what_was_used() -> None:
    """Each takes back what is left of the line before it, so that no cent is charged twice or lost."""
    subscription = make_active(make_plan(1001))
    for amount in (2003, 3007, 4001):
        go_to(subscription.period_starts_at + datetime.timedelta(days=amount // 500))
        change(subscription, make_plan(amount, name=str(amount)))
        settle(subscription)
    charged: dict[str, int] = {}
    for invoice in invoices_of(subscription):
        for line in invoice.lines.all():
            charged[line.description] = charged.get(line.description, 0) + line.amount
    taken_back = {name: -sum for name, sum in charged.items() if name.startswith("Not used")}
    assert set(taken_back) == {"Not used: Basic", "Not used: 2003", "Not used: 3007"}
    assert all(0 < sum < charged[name.removeprefix("Not used: ")] for name, sum in taken_back.items())


def test_a_downgrade_waits_for_the_end_of_the_period() -> None:
    """Then the next one is billed at the new price."""
    basic = make_plan(1000)
    subscription = make_active(make_plan(3000, name="Pro"))
    changed = change(subscription, basic)
    assert changed.plan_version.amount == 3000
    go_to(subscription.period_ends_at)
    renew()
    settle(subscription)
    assert lines_of(subscription) == [("Basic", 1000)]
    assert events_of(subscription) == ["created", "activated", "change_scheduled", "renewed"]


def test_a_downgrade_now_leaves_credit_for_the_next_invoices() -> None:
    """What is not used of the dearer plan is more than what the cheaper one costs: the rest is the customer's."""
    subscription = make_active(make_plan(3000, name="Pro"))
    half_way(subscription)
    change(subscription, make_plan(1000), When.NOW)
    assert lines_of(subscription) == [
        ("Not used: Pro", -1500),
        ("Basic", 500),
        ("Carried over to your credit balance", 1000),
    ]
    assert invoices_of(subscription)[-1].status == "paid"
    go_to(subscription.period_ends_at)
    renew()
    latest = invoices_of(subscription)[-1]
    assert (latest.amount, latest.amount_credited, latest.amount_due, latest.status) == (1000, 1000, 0, "paid")
    assert settle(subscription).status == "active"


def test_a_change_of_cycle_begins_a_period_now() -> None:
    """A year from now, less what is left of the month."""
    subscription = make_active(make_plan(1000))
    half_way(subscription)
    changed = change(subscription, make_plan(20_000, cycle="year", name="Yearly"))
    assert lines_of(subscription) == [("Not used: Basic", -500), ("Yearly", 20_000)]
    assert changed.period == 2
    assert changed.period_ends_at - changed.period_starts_at >= datetime.timedelta(days=365)
    assert settle(subscription).status == "active"


def test_in_a_trial_the_plan_changes_at_once_and_costs_nothing() -> None:
    """The trial goes on to its end, and is followed by the new plan."""
    subscription = make_trial()
    changed = change(subscription, make_plan(3000, name="Pro"))
    assert (changed.status, changed.period_ends_at) == ("trialing", subscription.period_ends_at)
    assert (changed.plan_version.amount, invoices_of(subscription)) == (3000, [])


def test_a_change_when_the_trial_ends_is_what_its_first_period_costs() -> None:
    """Not the plan that was tried; and the one that is free needs nothing to pay with."""
    subscription, other = make_trial(terms=VISA), make_trial()
    change(subscription, make_plan(20_000, cycle="year", name="Yearly"), When.PERIOD_END)
    change(other, make_plan(0, name="Free"), When.PERIOD_END)
    go_to(subscription.period_ends_at + datetime.timedelta(seconds=1))
    renew()
    converted = settle(subscription)
    assert lines_of(subscription) == [("Yearly", 20_000)]
    assert (converted.period, converted.period_starts_at) == (1, subscription.trial_ends_at)
    assert converted.period_ends_at - converted.period_starts_at >= datetime.timedelta(days=365)
    assert [(again(other).status, *lines_of(other))] == [("active", ("Free", 0))]


@pytest.mark.parametrize(
    ("cycle", "amount", "begins_now"),
    [("year", 1201, True), ("year", 1200, False), ("quarter", 301, True), ("quarter", 300, False), ("week", 22, False)],
)
def test_a_change_of_cycle_is_an_upgrade_where_it_costs_more_in_the_same_time(
    cycle: str, amount: int, begins_now: bool
) -> None:
    """Twelve months are a year, and three a quarter: 100 a month is 1,200 a year."""
    subscription = make_active(make_plan(100))
    changed = change(subscription, make_plan(amount, cycle=cycle, name="Other"))
    assert (changed.plan_version.amount == amount, changed.next_plan_version is None) == (begins_now, begins_now)


def test_what_a_period_before_used_over_its_limit_is_not_credited() -> None:
    """A year that becomes a month may end to the microsecond when it would have; the month is what is taken back."""
    calls = {"calls": {"limit": 0, "overage": {"unit_amount": 7}}}
    with time_machine.travel(clock.wall(), tick=False):
        subscription = make_active(make_plan(120_000, cycle="year", features=calls))
        services.use(actor=MERCHANT_KEY, customer_id=subscription.customer_id, feature_name="calls", delta=3, key=None)
        months = calendar.boundary(
            anchored_at=subscription.anchored_at, cycle=Cycle.MONTH, cycles=11, time_zone=subscription.time_zone
        )
        advance(by=months - clock.now())
        assert change(subscription, make_plan(1000, name="Monthly"), When.NOW).period_ends_at == (
            subscription.period_ends_at
        )
        settle(subscription)
        change(subscription, make_plan(3000, name="Pro"))
        assert lines_of(subscription) == [("Not used: Monthly", -1000), ("Pro", 3000)]


def test_a_change_that_is_to_come_can_be_taken_back() -> None:
    """By changing to the present plan."""
    pro = make_plan(3000, name="Pro")
    subscription = make_active(pro)
    change(subscription, make_plan(1000))
    assert change(subscription, pro).next_plan_version is None
    assert events_of(subscription)[-2:] == ["change_scheduled", "change_unscheduled"]


def test_a_new_price_does_not_touch_what_runs() -> None:
    """The next period costs what the first did; a new subscription costs the new price."""
    plan = make_plan(1000)
    subscription = make_active(plan)
    services.update_plan(actor=MERCHANT_KEY, plan_id=plan.id, changes={"amount": 5000})
    go_to(subscription.period_ends_at)
    renew()
    assert invoices_of(subscription)[-1].amount == 1000
    assert invoices_of(make_subscription(plan))[0].amount == 5000


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"family": "other"}, "other_family"),
        ({"currency": "USD"}, "currency_differs"),
    ],
)
def test_plans_that_do_not_fit_are_refused(terms: dict[str, str], code: str) -> None:
    """Of another family or in another currency."""
    subscription = make_active()
    with pytest.raises(Conflict) as refusal:
        change(subscription, make_plan(3000, **terms))
    assert refusal.value.code == code
    assert again(subscription).plan_version == subscription.plan_version


def test_the_present_plan_is_no_change() -> None:
    """Nor is the one that it is about to change to."""
    plan, cheaper = make_plan(3000), make_plan(1000)
    subscription = make_active(plan)
    with pytest.raises(services.SamePlan):
        change(subscription, plan)
    change(subscription, cheaper)
    with pytest.raises(services.SamePlan):
        change(subscription, cheaper)


def test_an_inactive_plan_is_no_choice() -> None:
    """Whoever is on it stays."""
    plan = make_plan(3000)
    services.update_plan(actor=MERCHANT_KEY, plan_id=plan.id, changes={"is_active": False})
    with pytest.raises(services.PlanInactive):
        change(make_active(), plan)


def test_what_is_owed_is_paid_first() -> None:
    """A pending subscription cannot change."""
    with pytest.raises(ForbiddenTransition):
        change(make_subscription(terms=None), make_plan(3000))


def test_a_period_that_has_just_ended_is_renewed_first() -> None:
    """On the plan that it was on; the change takes back the rest of what that has billed."""
    subscription = make_active()
    go_to(subscription.period_ends_at)
    assert change(subscription, make_plan(3000, name="Pro")).period == 2
    periods = SubscriptionInvoice.objects.filter(subscription=subscription).order_by("id")
    assert [(each.period, each.invoice.amount > 1900) for each in periods] == [(1, False), (2, False), (None, True)]
    assert [invoice.amount for invoice in invoices_of(subscription)][:2] == [1000, 1000]


@pytest.mark.parametrize("when", [None, *When])
def test_what_was_to_end_with_its_period_is_not_changed_after_it(when: When | None) -> None:
    """Though nobody has ended it yet."""
    for subscription in (make_active(), make_trial()):
        services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id, when=When.PERIOD_END)
        go_to(subscription.period_ends_at + datetime.timedelta(days=40))
        with pytest.raises(ForbiddenTransition, match="in canceled status"):
            change(subscription, make_plan(3000, name="Pro"), when=when)


@pytest.mark.parametrize("cheaper", [{"amount": 0}, {"amount": 20_000, "cycle": "year"}])
def test_customers_wait_for_what_costs_less(cheaper: dict[str, Any]) -> None:
    """The merchant decides who is credited; what costs more may begin now, or later, as they like."""
    subscription = make_active(make_plan(2000))
    ada = principals.customer(subscription.customer_id)
    with pytest.raises(services.OnlyForMerchants) as refused:
        change(subscription, make_plan(**cheaper, name="Light"), actor=ada, when=When.NOW)
    assert [error.field for error in refused.value.errors] == ["when"]
    assert change(subscription, make_plan(**cheaper, name="Light"), actor=ada).next_plan_version is not None
    assert change(subscription, make_plan(3000, name="Pro"), actor=ada, when=When.NOW).plan_version.amount == 3000


def test_an_upgrade_that_cannot_be_paid_makes_it_past_due() -> None:
    """The plan has changed, and the difference is owed."""
    subscription = make_subscription(terms=None)
    make_payment(invoice=invoices_of(subscription)[0])
    assert settle(subscription).status == "active"
    changed = change(subscription, make_plan(3000, name="Pro"))
    assert (changed.status, changed.plan_version.amount) == ("past_due", 3000)
    assert invoices_of(subscription)[-1].status == "open"


def test_a_change_that_waits_for_the_end_of_the_trial_comes_with_it() -> None:
    """The first period is of the plan it was to change to."""
    subscription = make_trial(terms=VISA)
    change(subscription, make_plan(500, name="Less"), When.PERIOD_END)
    go_to(subscription.period_ends_at)
    renew()
    converted = again(subscription)
    assert (converted.plan_version.amount, invoices_of(subscription)[0].amount) == (500, 500)


def test_a_change_is_taken_back_though_the_present_plan_costs_more_now() -> None:
    """Nobody is charged the new price."""
    pro = make_plan(3000, name="Pro")
    subscription = make_active(pro)
    change(subscription, make_plan(1000))
    services.update_plan(actor=MERCHANT_KEY, plan_id=pro.id, changes={"amount": 5000})
    changed = change(subscription, pro)
    assert (changed.plan_version.amount, changed.next_plan_version) == (3000, None)


def test_a_change_is_taken_back_though_the_present_plan_is_retired() -> None:
    """Whoever is on it stays."""
    pro = make_plan(3000, name="Pro")
    subscription = make_active(pro)
    change(subscription, make_plan(1000))
    services.update_plan(actor=MERCHANT_KEY, plan_id=pro.id, changes={"is_active": False})
    assert change(subscription, pro).next_plan_version is None


def test_the_scheduled_plan_can_be_had_now() -> None:
    """A downgrade that waits is asked for at once."""
    subscription = make_active(make_plan(3000, name="Pro"))
    basic = make_plan(1000)
    change(subscription, basic)
    assert change(subscription, basic, When.NOW).plan_version.amount == 1000


def test_a_downgrade_now_has_to_wait_for_the_payment_that_is_under_way() -> None:
    """What was not paid yet is not turned into credit."""
    subscription = make_active(make_plan(3000, name="Pro"))
    go_to(subscription.period_ends_at)
    renew()
    basic = make_plan(1000)
    with pytest.raises(services.NotPaidYet):
        change(subscription, basic, When.NOW)
    assert settle(subscription).status == "active"
    assert change(subscription, basic, When.NOW).plan_version.amount == 1000
