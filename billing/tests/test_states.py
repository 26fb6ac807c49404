"""The machine of subscriptions, every pair; and what the database itself refuses."""

import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.models import Plan, PlanVersion, Subscription, SubscriptionInvoice, UsageCounter
from billing.states import LIVE, SERVED, SubscriptionStatus
from billing.tests.factories import make_active, make_plan, make_subscription, make_trial
from config.kernel import clock
from config.kernel.errors import ForbiddenTransition
from outbox.states import advance

SUBSCRIPTION = {
    ("pending", "activate"): "active",
    ("trialing", "activate"): "active",
    ("past_due", "activate"): "active",
    ("unpaid", "activate"): "active",
    ("trialing", "fall_due"): "past_due",
    ("active", "fall_due"): "past_due",
    ("past_due", "suspend"): "unpaid",
    ("pending", "expire"): "expired",
    ("trialing", "expire"): "expired",
    ("pending", "cancel"): "canceled",
    ("trialing", "cancel"): "canceled",
    ("active", "cancel"): "canceled",
    ("past_due", "cancel"): "canceled",
    ("unpaid", "cancel"): "canceled",
}
ACTIONS = sorted({action for _, action in SUBSCRIPTION})


@pytest.mark.parametrize("status", SubscriptionStatus.values)
@pytest.mark.parametrize("action", ACTIONS)
def test_it_moves_only_as_the_table_says(status: str, action: str) -> None:
    """Every (state, transition) pair either reaches the table's target or is refused and changes nothing."""
    row = Subscription(status=status)
    target = SUBSCRIPTION.get((status, action))
    if target:
        advance(row, action)
        assert row.status == target
        return
    with pytest.raises(ForbiddenTransition, match=f"Cannot {action} .* in {status} status"):
        advance(row, action)
    assert row.status == status


def test_the_table_above_names_every_transition() -> None:
    """A transition added to the code has to be added here."""
    field = Subscription._meta.get_field("status")
    found = {(transition.source, transition.name) for transition in field.get_all_transitions(Subscription)}
    assert found == set(SUBSCRIPTION)


def test_only_what_has_ended_is_final() -> None:
    """From everything live there is a way on; it may be served only while it is live."""
    assert {status for status, _ in SUBSCRIPTION} == set(LIVE)
    assert set(SubscriptionStatus.values) - set(LIVE) == {"canceled", "expired"}
    assert set(SERVED) < set(LIVE)


def test_a_status_cannot_be_assigned() -> None:
    """The field is protected: only transitions move it."""
    with pytest.raises(AttributeError):
        Subscription().status = "active"


def refused(row: Any, constraint: str, **changes: Any) -> None:
    """The database does not take `row` with these values, because of this constraint."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        type(row)._default_manager.filter(pk=row.pk).update(**changes)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [*LIVE])
def test_what_is_live_has_its_family_and_no_end(status: str) -> None:
    """One of them amiss is refused; all as they should be is taken."""
    row = make_trial()
    ended = {"live_family": None, "ended_at": clock.now(), "due_at": None}
    name = "billing_subscription_live"
    refused(row, name, status=status, live_family=None)
    refused(row, name, status=status, live_family="another")
    refused(row, name, status=status, ended_at=clock.now())
    refused(row, name, status=status, **ended)
    assert Subscription.objects.filter(pk=row.pk).update(status=status) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("status", sorted(set(SubscriptionStatus.values) - set(LIVE)))
def test_what_has_ended_has_an_end_no_live_family_and_nothing_due(status: str) -> None:
    """One of them amiss is refused; all as they should be is taken."""
    row = make_trial()
    ended = {"live_family": None, "ended_at": clock.now(), "due_at": None}
    name = "billing_subscription_live"
    for field, amiss in {"live_family": row.family, "ended_at": None, "due_at": clock.now()}.items():
        refused(row, name, status=status, **ended | {field: amiss})
    assert Subscription.objects.filter(pk=row.pk).update(status=status, **ended) == 1


@pytest.mark.django_db
def test_the_database_knows_no_other_states_and_no_period_without_length() -> None:
    """Nor one that ends before it begins."""
    row = make_trial()
    refused(row, "billing_subscription_(status|live)", status="paused")
    refused(row, "billing_subscription_period_order", period_ends_at=row.period_starts_at)
    refused(row, "billing_subscription_period_order", period_ends_at=row.period_starts_at - datetime.timedelta(days=1))


@pytest.mark.django_db
def test_a_customer_has_one_live_subscription_and_one_trial_of_a_family() -> None:
    """Whatever ended may be many."""
    plan = make_plan(trial_days=14)
    first, second = make_trial(plan), make_trial(plan)
    unique = "live_family|trial_family|Duplicate|UNIQUE"
    refused(second, unique, customer=first.customer, trial_family=None)
    refused(second, unique, customer=first.customer, status="canceled", live_family=None, due_at=None,
            ended_at=clock.now())  # fmt: skip
    other = {"family": "other", "live_family": "other", "trial_family": "other"}
    assert Subscription.objects.filter(pk=second.pk).update(customer=first.customer, **other) == 1


@pytest.mark.django_db
def test_a_period_is_billed_once_and_an_invoice_has_one_subscription() -> None:
    """Changes within a period, which bill none, may be many."""
    one, other = make_subscription(), make_subscription()
    billed = SubscriptionInvoice.objects.get(subscription=one)
    unique = "billing_subscription_invoice|invoice_id|Duplicate|UNIQUE"
    refused(SubscriptionInvoice.objects.get(subscription=other), unique, subscription=one)
    refused(SubscriptionInvoice.objects.get(subscription=other), unique, invoice=billed.invoice)
    changes = SubscriptionInvoice.objects.filter(subscription__in=[one, other])
    assert changes.update(subscription=one, period=None) == 2


@pytest.mark.django_db
def test_a_version_of_a_plan_says_what_the_database_knows() -> None:
    """Its cycle, what comes after the days of grace, its amount, its number."""
    plan = make_plan()
    version = PlanVersion.objects.get(plan=plan)
    refused(version, "billing_plan_version_cycle", cycle="fortnight")
    refused(version, "billing_plan_version_after_grace", after_grace="forgive")
    second = PlanVersion.objects.get(plan=make_plan())
    refused(second, "billing_plan_version_number|Duplicate|UNIQUE", plan=plan)
    assert Plan.objects.filter(pk=plan.pk).update(latest_version=None) == 1


@pytest.mark.django_db(transaction=True)
def test_a_feature_has_one_counter_in_a_period() -> None:
    """Another period has its own."""
    subscription = make_active()
    common = {
        "subscription": subscription,
        "plan_version": subscription.plan_version,
        "feature": "api_calls",
        "created_at": clock.now(),
    }
    UsageCounter.objects.create(period=1, **common)
    second = UsageCounter.objects.create(period=2, **common)
    refused(second, "billing_usage_counter_feature|Duplicate|UNIQUE", period=1)
