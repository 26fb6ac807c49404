"""A deadlock at every statement of what happens to plans and subscriptions: docs/decisions/0003-transactions.md."""

import datetime
from collections.abc import Callable
from functools import partial

import pytest

from billing import services
from billing.models import Subscription, SubscriptionInvoice, UsageCounter, UsageRecord
from billing.services import NewSubscription, PlanTerms
from billing.tests.factories import (
    VISA,
    go_to,
    live_payments,
    make_active,
    make_customer,
    make_plan,
    make_subscription,
    make_trial,
    settle,
)
from config.api.principals import system
from config.kernel import clock, db
from invoices import services as invoices
from outbox import services as outbox
from payments.services import PaymentTerms
from payments.tests.factories import HARD, captured, make_key, tell_payment
from tests.deadlocks.rows import done_by
from tests.faults import deadlock_at, statements_counted
from tests.invariants import check_invariants

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("movable_clock")]
ACTOR = system("test")
MASTERCARD = PaymentTerms(provider="simulated", payment_method="tok_mastercard")
METERED = {"api_calls": {"limit": 10, "overage": {"unit_amount": 5}}}
Act = Callable[[], object]


def _create_plan() -> Act:
    terms = PlanTerms(amount=1000, currency="EUR", cycle="month")
    return partial(services.create_plan, actor=ACTOR, name="Basic", terms=terms, key=make_key())


def _update_plan() -> Act:
    changes = {"name": "Better", "amount": 1200}
    return partial(services.update_plan, actor=ACTOR, plan_id=make_plan().id, changes=changes)


def _subscribe() -> Act:
    new = NewSubscription(customer_id=make_customer().id, plan_id=make_plan().id, terms=VISA)
    return partial(services.subscribe, actor=ACTOR, new=new, key=make_key())


def _start_trial() -> Act:
    new = NewSubscription(customer_id=make_customer().id, plan_id=make_plan(trial_days=14).id)
    return partial(services.start_trial, actor=ACTOR, new=new, key=None)


def _renewing(subscription: Subscription) -> Act:
    """Alone: whatever was made before is not due."""
    others = Subscription.objects.exclude(id=subscription.id).exclude(due_at=None)
    others.update(due_at=clock.now() + datetime.timedelta(days=3650))
    return services.renew_due


def _after_its_period(subscription: Subscription) -> Act:
    go_to(subscription.period_ends_at)
    return _renewing(subscription)


def _use(subscription: Subscription, used: int) -> Subscription:
    counter = UsageCounter.objects.create(
        subscription=subscription,
        plan_version=subscription.plan_version,
        feature="api_calls",
        period=subscription.period,
        used=used,
        created_at=clock.now(),
    )
    now = clock.now()
    UsageRecord.objects.create(
        counter=counter, delta=used, used_after=used, actor=ACTOR.actor, resets_at=now, created_at=now
    )
    return subscription


def _renew() -> Act:
    """With something used over its limit."""
    return _after_its_period(_use(make_active(make_plan(features=METERED)), 15))


def _renew_to_another_plan() -> Act:
    subscription, cheaper = make_active(), make_plan(500, cycle="day", name="Lite")
    services.change_plan(
        actor=ACTOR, subscription_id=subscription.id, plan_id=cheaper.id, when=services.When.PERIOD_END
    )
    return _after_its_period(subscription)


def _renew_without_means() -> Act:
    """It falls due."""
    subscription = make_active()
    Subscription.objects.filter(id=subscription.id).update(payment_method="", provider="")
    return _after_its_period(subscription)


def _end_trial() -> Act:
    return _after_its_period(make_trial(terms=VISA))


def _expire_trial() -> Act:
    return _after_its_period(make_trial())


def _expire_unpaid() -> Act:
    subscription = make_subscription(terms=None)
    go_to(subscription.created_at + datetime.timedelta(days=1))
    return _renewing(subscription)


def _past_due(after_grace: str) -> Subscription:
    subscription = make_active(make_plan(after_grace=after_grace))
    _after_its_period(subscription)()
    return settle(subscription, HARD)


def _end_grace(after_grace: str) -> Act:
    subscription = _past_due(after_grace)
    go_to(clock.now() + datetime.timedelta(days=7))
    return _renewing(subscription)


def _end_at_period_end() -> Act:
    subscription = _use(make_active(make_plan(features=METERED)), 15)
    services.cancel_subscription(actor=ACTOR, subscription_id=subscription.id, when=services.When.PERIOD_END)
    return _after_its_period(subscription)


def _change_plan() -> Act:
    """To a dearer one, now: what is not used is credited."""
    subscription, dearer = make_active(), make_plan(9000, name="Pro")
    go_to(clock.now() + datetime.timedelta(days=10))
    return partial(services.change_plan, actor=ACTOR, subscription_id=subscription.id, plan_id=dearer.id)


def _change_cycle() -> Act:
    """A period begins now, and what was used over the limit of the one that ends is billed."""
    subscription = _use(make_active(make_plan(features=METERED)), 15)
    yearly = make_plan(90_000, cycle="year", name="Pro")
    go_to(clock.now() + datetime.timedelta(days=10))
    return partial(services.change_plan, actor=ACTOR, subscription_id=subscription.id, plan_id=yearly.id)


def _cancel() -> Act:
    """With a credit for what is not used."""
    subscription = make_active()
    go_to(clock.now() + datetime.timedelta(days=10))
    return partial(services.cancel_subscription, actor=ACTOR, subscription_id=subscription.id, credit_unused=True)


def _cancel_owing_nothing() -> Act:
    subscription = _past_due("suspend")
    return partial(services.cancel_subscription, actor=ACTOR, subscription_id=subscription.id, void_open_invoices=True)


def _reactivate() -> Act:
    subscription = make_active()
    services.cancel_subscription(actor=ACTOR, subscription_id=subscription.id, when=services.When.PERIOD_END)
    return partial(services.reactivate_subscription, actor=ACTOR, subscription_id=subscription.id)


def _pay() -> Act:
    subscription = _past_due("suspend")
    return partial(services.pay_subscription, actor=ACTOR, subscription_id=subscription.id, terms=VISA, key=make_key())


def _pay_to_end_a_trial() -> Act:
    trial = make_trial()
    return partial(services.pay_subscription, actor=ACTOR, subscription_id=trial.id, terms=VISA, key=make_key())


def _change_method() -> Act:
    subscription = make_active()
    return partial(services.change_payment_method, actor=ACTOR, subscription_id=subscription.id, terms=MASTERCARD)


def _follow_payment() -> Act:
    subscription = make_subscription()
    outbox.drain()
    for payment in live_payments(subscription):
        tell_payment(payment, captured(payment))
    return partial(outbox.drain, only=["subscriptions"])


def _follow_decline() -> Act:
    subscription = make_active()
    _after_its_period(subscription)()
    outbox.drain()
    for payment in live_payments(subscription):
        tell_payment(payment, HARD)
    return partial(outbox.drain, only=["subscriptions"])


def _follow_late_money() -> Act:
    """It was canceled while its first payment was under way: the money goes back."""
    subscription = make_subscription()
    services.cancel_subscription(actor=ACTOR, subscription_id=subscription.id)
    outbox.drain()
    for payment in live_payments(subscription):
        tell_payment(payment, captured(payment))
    return partial(outbox.drain, only=["subscriptions"])


def _follow_void() -> Act:
    subscription = make_subscription(terms=None)
    outbox.drain()
    invoice = SubscriptionInvoice.objects.get(subscription=subscription).invoice_id
    invoices.void_invoice(actor=ACTOR, invoice_id=invoice)
    return partial(outbox.drain, only=["subscriptions"])


PREPARED: list[Callable[[], Act]] = [
    _create_plan,
    _update_plan,
    _subscribe,
    _start_trial,
    _renew,
    _renew_to_another_plan,
    _renew_without_means,
    _end_trial,
    _expire_trial,
    _expire_unpaid,
    partial(_end_grace, "suspend"),
    partial(_end_grace, "cancel"),
    _end_at_period_end,
    _change_plan,
    _change_cycle,
    _cancel,
    _cancel_owing_nothing,
    _reactivate,
    _pay,
    _pay_to_end_a_trial,
    _change_method,
    _follow_payment,
    _follow_decline,
    _follow_late_money,
    _follow_void,
]


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0.0001)


@pytest.mark.parametrize("each", [5, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("prepare", PREPARED)
def test_one_deadlock_anywhere_is_retried_whole(prepare: Callable[[], Act], each: int) -> None:
    """Whatever statement is the victim: no error, and as many rows and events made and changed as without it."""
    act = prepare()
    with statements_counted() as usual:
        expected = done_by(act)
    assert any(made or changed for made, changed in expected.values())
    injected = 0
    for n in range(1, usual.seen + 1, each):
        act = prepare()
        with deadlock_at(n) as faults:
            done = done_by(act)
        assert done == expected, (n, faults.failed)
        injected += faults.faults
    assert injected >= usual.seen // each
    check_invariants()
