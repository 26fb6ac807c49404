"""Subscriptions on a full database: what fills their tables, and what happens to them often."""

import collections
import datetime

import pytest

from billing import services
from billing.models import Subscription, SubscriptionInvoice, UsageCounter
from billing.services import When
from billing.tests.factories import VISA, live_payments, make_plan
from config.api.principals import system
from config.kernel import clock
from config.volume import bulk_insert
from invoices.models import Customer, Invoice
from outbox import services as outbox
from payments.tests.factories import HARD, captured, make_key, tell_payment
from tests.scale import plans

ACTOR = system("tests")
OVERAGE = {"unit_amount": 5}
METERED = {name: {"limit": 10, "overage": OVERAGE} for name in ("api_calls", "storage")}


def fill() -> None:
    """Every customer has one, which has caused all their invoices; most are renewed some day, some are over."""
    now = clock.now()
    plan = make_plan(features=METERED, trial_days=14)
    make_plan(9000, name="Pro")
    rows = []
    for number, customer in enumerate(Customer.objects.order_by("id")):
        is_over = number % 10 == 0
        rows.append(
            Subscription(
                customer=customer,
                plan_version=plan.latest_version,
                status="canceled" if is_over else "active",
                family=plan.family,
                live_family=None if is_over else plan.family,
                provider=VISA.provider,
                payment_method=VISA.payment_method,
                period=1,
                anchored_at=now - datetime.timedelta(days=10),
                period_starts_at=now - datetime.timedelta(days=10),
                period_ends_at=now + datetime.timedelta(days=20),
                due_at=None if is_over else now + datetime.timedelta(days=20),
                ended_at=now if is_over else None,
                created_at=now,
            )
        )
    Subscription.objects.bulk_create(rows)
    _bill(rows)
    _meter(rows)
    outbox.drain()
    bulk_insert.analyze([Subscription, SubscriptionInvoice, UsageCounter])


def _bill(subscriptions: list[Subscription]) -> None:
    of_customer = {subscription.customer_id: subscription for subscription in subscriptions}
    periods: collections.Counter[str] = collections.Counter()
    billed = []
    for invoice in Invoice.objects.filter(customer__in=of_customer).order_by("id"):
        subscription = of_customer[str(invoice.customer_id)]
        periods[subscription.id] += 1
        period = periods[subscription.id]
        billed.append(
            SubscriptionInvoice(
                subscription=subscription, invoice=invoice, period=period, created_at=invoice.created_at
            )
        )
    SubscriptionInvoice.objects.bulk_create(billed)


def _meter(subscriptions: list[Subscription]) -> None:
    common = {"period": 1, "used": 0, "created_at": clock.now()}
    UsageCounter.objects.bulk_create(
        UsageCounter(subscription=subscription, feature=feature, **common)
        for subscription in subscriptions
        for feature in METERED
    )


def renew_and_hear_of_payments() -> None:
    """Two are due: one is paid, one is declined, and what is owed then is paid by hand and by a cancellation."""
    with plans.aside():
        due = _some(2)
        for subscription in due:
            subscription.period = 1000
            subscription.due_at = subscription.period_ends_at = clock.now()
            subscription.save()
        outbox.drain()
    assert services.renew_due() == 2
    with plans.aside():
        paid, declined = (payment for subscription in due for payment in live_payments(subscription))
        tell_payment(paid, captured(paid))
        tell_payment(declined, HARD)
    outbox.drain()
    services.pay_subscription(actor=ACTOR, subscription_id=due[1].id, terms=VISA, key=make_key())
    services.cancel_subscription(actor=ACTOR, subscription_id=due[0].id, void_open_invoices=True)


def change_a_subscription() -> None:
    """To another plan now, back when the period ends, canceled then and not, canceled with what is not used."""
    with plans.aside():
        [subscription] = _some(1)
        dearer, plan = make_plan(9000, name="Pro"), subscription.plan_version.plan
    common = {"actor": ACTOR, "subscription_id": subscription.id}
    services.change_plan(**common, plan_id=dearer.id)
    services.change_plan(**common, plan_id=plan.id)
    services.cancel_subscription(**common, when=When.PERIOD_END)
    services.reactivate_subscription(**common)
    services.cancel_subscription(**common, credit_unused=True)


def subscribe() -> None:
    """With a trial, paid at once, and a second one that is refused; by somebody who had one."""
    with plans.aside():
        over = Subscription.objects.filter(status="canceled").order_by("id")[0]
        plan = over.plan_version.plan
    new = services.NewSubscription(customer_id=over.customer_id, plan_id=plan.id)
    trial = services.start_trial(actor=ACTOR, new=new, key=make_key(operation="trial")).row
    services.pay_subscription(actor=ACTOR, subscription_id=trial.id, terms=VISA, key=make_key())
    with pytest.raises(services.AlreadySubscribed, match=trial.id):
        services.subscribe(actor=ACTOR, new=new, key=make_key(operation="subscribe"))


def _some(count: int) -> list[Subscription]:
    """Such as have the most invoices."""
    billed = SubscriptionInvoice.objects.filter(period__gt=1, subscription__status="active")
    ids = billed.order_by("-period").values_list("subscription_id", flat=True)
    return [Subscription.objects.get(id=each) for each in list(dict.fromkeys(ids))[:count]]


USE_CASES = [renew_and_hear_of_payments, change_a_subscription, subscribe]
