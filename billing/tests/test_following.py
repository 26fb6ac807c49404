"""What is told of invoices, to subscriptions in every status, and what a suspended one makes of it."""

import datetime
import itertools

import pytest

from billing import services
from billing.models import Subscription
from billing.states import LIVE, SubscriptionStatus
from billing.tests.factories import (
    VISA,
    again,
    go_to,
    invoices_of,
    live_payments,
    make_active,
    make_plan,
    make_subscription,
    renew,
    settle,
)
from config.kernel import clock, db
from invoices import services as invoices
from invoices.tests.factories import MERCHANT_KEY
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.tests.factories import HARD, make_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("movable_clock")]
EVENTS = ["invoice.paid", "invoice.reopened", "invoice.failed", "invoice.voided"]


@db.transaction(idempotent=False)
def tell(event: OutboxEvent) -> None:
    services.follow_invoice(event=event)


@pytest.mark.parametrize(("status", "event_type"), [*itertools.product(SubscriptionStatus.values, EVENTS)])
def test_nothing_that_is_told_of_an_invoice_is_held(status: str, event_type: str) -> None:
    """Whatever is told late or twice: no status of a subscription makes the consumer raise."""
    subscription = make_subscription()
    ended_at = None if status in LIVE else clock.now()
    Subscription.objects.filter(id=subscription.id).update(
        status=status,
        ended_at=ended_at,
        live_family=None if ended_at else subscription.family,
        due_at=None if ended_at else clock.now(),
        past_due_at=clock.now(),
        voids_open_invoices=True,
    )
    event = OutboxEvent.objects.filter(aggregate_id=invoices_of(subscription)[0].id).first()
    assert event is not None
    event.type = event_type
    tell(event)


def suspended(grace_days: int) -> Subscription:
    """Its second period was declined, and the days of grace are over."""
    subscription = make_active(make_plan(grace_days=grace_days))
    go_to(subscription.period_ends_at)
    renew()
    settle(subscription, HARD)
    go_to(clock.now() + datetime.timedelta(days=grace_days))
    renew()
    assert again(subscription).status == "unpaid"
    return again(subscription)


def void_owed(subscription: Subscription) -> Subscription:
    invoices.void_invoice(actor=MERCHANT_KEY, invoice_id=invoices_of(subscription)[-1].id, reason="written off")
    outbox.drain()
    renew()
    return again(subscription)


def test_no_period_begins_for_a_suspended_one_whose_debt_is_voided() -> None:
    """Months later: nobody has paid. It stays unpaid until it is canceled, and the customer may subscribe anew."""
    subscription = suspended(grace_days=7)
    go_to(subscription.period_ends_at + datetime.timedelta(days=60))
    let_off = void_owed(subscription)
    assert (let_off.status, let_off.period, live_payments(subscription)) == ("unpaid", 2, [])
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
    assert make_active(customer=subscription.customer).status == "active"


def test_a_suspended_one_whose_debt_is_voided_goes_on_in_a_period_that_is_not_over() -> None:
    """What it was suspended for is this very period, which nobody owes any more."""
    subscription = suspended(grace_days=7)
    let_off = void_owed(subscription)
    assert (let_off.status, let_off.period_ends_at) == ("active", subscription.period_ends_at)


def test_a_suspended_one_that_somebody_pays_begins_a_period_that_day() -> None:
    """Months later."""
    subscription = suspended(grace_days=7)
    go_to(subscription.period_ends_at + datetime.timedelta(days=60))
    services.pay_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id, terms=VISA, key=make_key())
    settle(subscription)
    renew()
    assert again(subscription).period == 3
