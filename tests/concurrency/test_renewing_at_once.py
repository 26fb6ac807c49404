"""Subscriptions renewed, changed, paid and ended at the same moment, on MariaDB: each period is billed once."""

import datetime
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from django.db import transaction
from django.db.models import Model

from billing import services
from billing.models import Subscription, SubscriptionInvoice
from billing.services import NewSubscription
from billing.tests.factories import (
    VISA,
    again,
    go_to,
    invoices_of,
    live_payments,
    make_active,
    make_customer,
    make_plan,
    make_subscription,
    make_trial,
    settle,
)
from config.kernel.errors import Conflict, Unavailable
from invoices.models import Customer
from invoices.tests.factories import MERCHANT_KEY
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.tests.factories import captured, make_key, tell_payment
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("movable_clock")]
RENEWERS = 4
LONG = [1, pytest.param(20, marks=pytest.mark.long)]
T = TypeVar("T")


def or_refusal(call: Callable[[], T]) -> T | str:
    """What it answers, or the name of the refusal."""
    try:
        return call()
    except (Conflict, Unavailable) as refusal:
        return type(refusal).__name__


def periods_of(subscription: Subscription) -> list[int | None]:
    """Which were billed, in the order of their invoices; None for what a change within one costs."""
    billed = SubscriptionInvoice.objects.filter(subscription=subscription).order_by("invoice_id")
    return list(billed.values_list("period", flat=True))


def make_due(count: int, *, missed: int = 1) -> list[Subscription]:
    """Active ones of which `missed` periods have begun since anybody looked."""
    plan = make_plan(cycle="day")
    made = [make_active(plan) for _ in range(count)]
    go_to(made[-1].period_ends_at + datetime.timedelta(days=missed - 1))
    return made


@pytest.mark.parametrize("rounds", LONG)
def test_several_renewals_of_the_same_subscriptions_bill_each_period_once(rounds: int) -> None:
    """Three missed periods of eight subscriptions: each one invoice with one payment, whoever made it; none is left."""
    for _ in range(rounds):
        due = make_due(8, missed=3)
        all_at_once([services.renew_due] * RENEWERS)
        services.renew_due()
        for subscription in due:
            assert periods_of(subscription) == [1, 2, 3, 4]
            assert Payment.objects.filter(invoice__in=invoices_of(subscription)).count() == 4
            settle(subscription)
    check_invariants()


def test_several_renewals_share_the_work() -> None:
    """What they say they have done adds up to what there was to do."""
    make_due(20, missed=2)
    assert sum(all_at_once([services.renew_due] * RENEWERS)) + services.renew_due() == 40
    assert SubscriptionInvoice.objects.count() == 60
    check_invariants()


@pytest.mark.parametrize("model", [Customer, Subscription])
def test_what_somebody_has_locked_is_left_to_them(model: type[Model]) -> None:
    """At once, be it the customer or the subscription; what they leave undone is done later."""
    held, free = make_due(2)
    started = time.monotonic()
    with transaction.atomic():
        key = held.customer_id if model is Customer else held.id
        model._default_manager.select_for_update().get(pk=key)
        assert all_at_once([services.renew_due]) == [1]
    assert time.monotonic() - started < 2
    assert (again(held).period, again(free).period) == (1, 2)
    assert services.renew_due() == 1
    check_invariants()


@pytest.mark.parametrize("rounds", LONG)
def test_renewing_against_changing_the_plan(rounds: int) -> None:
    """The period that is over is renewed once, on the one plan or the other; who comes too early is told so."""
    dearer = make_plan(9000, cycle="day", name="Pro")
    for _ in range(rounds):
        [subscription] = make_due(1)
        change = partial(services.change_plan, actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=dearer.id)
        answers = all_at_once([partial(or_refusal, each) for each in (services.renew_due, change, services.renew_due)])
        services.renew_due()
        changed = not isinstance(answers[1], str)
        assert changed or answers[1] == "RenewalUnderWay"
        assert periods_of(subscription) == ([1, 2, None] if changed else [1, 2])
        settle(subscription)
    check_invariants()


@pytest.mark.parametrize("rounds", LONG)
@pytest.mark.parametrize("when", services.When)
def test_renewing_against_canceling(rounds: int, when: services.When) -> None:
    """It has ended, or will when the next period does; the period that began is billed at most once."""
    for _ in range(rounds):
        [subscription] = make_due(1)
        cancel = partial(services.cancel_subscription, actor=MERCHANT_KEY, subscription_id=subscription.id, when=when)
        together: list[Callable[[], object]] = [services.renew_due, cancel, services.renew_due]
        all_at_once(together)
        services.renew_due()
        settled = settle(subscription)
        assert settled.ended_at is not None or settled.cancels_at_period_end
        assert periods_of(subscription) == list(range(1, settled.period + 1))
        assert settled.period in (1, 2)
    check_invariants()


@pytest.mark.parametrize("rounds", LONG)
def test_renewing_against_paying_what_is_owed(rounds: int) -> None:
    """Nothing to pay the renewal with, and somebody pays at that moment: no invoice has two payments."""
    for _ in range(rounds):
        subscription = make_subscription(make_plan(cycle="day"), terms=None)
        pay = partial(services.pay_subscription, actor=MERCHANT_KEY, subscription_id=subscription.id, terms=VISA)
        pay(key=make_key())
        active = settle(subscription)
        Subscription.objects.filter(id=subscription.id).update(payment_method="", provider="")
        go_to(active.period_ends_at)
        answers = all_at_once(
            [
                partial(or_refusal, each)
                for each in (services.renew_due, partial(pay, key=make_key()), services.renew_due)
            ]
        )
        assert answers[1] == "NothingDue" or not isinstance(answers[1], str)
        services.renew_due()
        assert periods_of(subscription) == [1, 2]
        assert len(live_payments(subscription)) == (answers[1] != "NothingDue")
        settle(subscription)
    check_invariants()


@pytest.mark.parametrize("rounds", LONG)
def test_paying_a_subscription_many_times_at_once(rounds: int) -> None:
    """With one key there is one payment and all are told of it; with keys of their own all but one are refused."""
    for _ in range(rounds):
        for keys in ([make_key()] * 8, [make_key() for _ in range(8)]):
            trial = make_trial()
            pay = partial(services.pay_subscription, actor=MERCHANT_KEY, subscription_id=trial.id, terms=VISA)
            answers = all_at_once([partial(or_refusal, partial(pay, key=key)) for key in keys])
            created = [answer for answer in answers if not isinstance(answer, str)]
            assert sum(each.is_new for each in created) == 1
            assert len({each.row.id for each in created}) == 1
            refusals = Counter(answer for answer in answers if isinstance(answer, str))
            assert refusals == ({} if len(set(keys)) == 1 else {"PaymentAlreadyLive": 7})
            assert settle(trial).status == "active"
            assert periods_of(trial) == [1]
    check_invariants()


@pytest.mark.parametrize("rounds", LONG)
@pytest.mark.parametrize("begin", [services.subscribe, services.start_trial])
def test_beginning_many_times_without_a_key_is_one_subscription(rounds: int, begin: Callable[..., object]) -> None:
    """Of plans of one family a customer has one live one; the others are told of it."""
    for _ in range(rounds):
        customer = make_customer()
        plans = [make_plan(trial_days=14), make_plan(2000, trial_days=7, name="Pro")] * 4
        news = [NewSubscription(customer_id=customer.id, plan_id=plan.id, terms=VISA) for plan in plans]
        calls = [partial(or_refusal, partial(begin, actor=MERCHANT_KEY, new=new, key=None)) for new in news]
        refusals = Counter(answer for answer in all_at_once(calls) if isinstance(answer, str))
        assert refusals == {"AlreadySubscribed": 7}
        assert Subscription.objects.filter(customer=customer).count() == 1
    check_invariants()


@pytest.mark.parametrize("rounds", LONG)
def test_hearing_of_the_money_against_canceling(rounds: int) -> None:
    """A first invoice is paid while somebody cancels: in the end it is canceled, and money that came too late goes
    back."""
    for _ in range(rounds):
        subscription = make_subscription()
        [payment] = live_payments(subscription)
        cancel = partial(services.cancel_subscription, actor=MERCHANT_KEY, subscription_id=subscription.id)
        tell_payment(payment, captured(payment))
        together: list[Callable[[], object]] = [outbox.drain, cancel, outbox.drain]
        all_at_once(together)
        outbox.drain()
        assert again(subscription).status == "canceled"
        told = OutboxEvent.objects.filter(aggregate_id=subscription.id, type="subscription.canceled")
        assert told.count() == 1
    check_invariants()
