"""What a subscription's end gives back or credits: of what was paid, nothing twice, and what is still owed stays."""

import datetime

import pytest

from billing import services
from billing.models import Subscription
from billing.services import When
from billing.tests.factories import (
    go_to,
    invoices_of,
    make_active,
    make_plan,
    settle,
)
from invoices import services as invoices
from invoices.tests.factories import MERCHANT_KEY
from payments.models import Payment
from payments.tests.factories import make_refund, tell_dispute

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def cancel(subscription: Subscription, **more: bool) -> Subscription:
    return services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id, **more)


def credit_of(subscription: Subscription) -> int:
    return invoices.credit_balance(customer=subscription.customer, currency="EUR")


def half_way(subscription: Subscription) -> Subscription:
    """Half of its period is over."""
    length = subscription.period_ends_at - subscription.period_starts_at
    go_to(subscription.period_starts_at + length / 2 - datetime.timedelta(seconds=1))
    return subscription


def refund_first(subscription: Subscription, amount: int | None = None) -> None:
    """So much of its first payment, or all that is left, goes back."""
    make_refund(Payment.objects.filter(invoice=invoices_of(subscription)[0]).get(), amount)


def upgrade(subscription: Subscription, amount: int) -> Subscription:
    """Now, and paid."""
    plan = make_plan(amount, name=f"For {amount}")
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=plan.id, when=When.NOW)
    return settle(subscription)


@pytest.mark.parametrize(
    ("before", "after", "credit"),
    [
        (0, 0, 1000),
        (0, 500, 1000),
        (0, 501, 999),
        (0, 1000, 500),
        (500, 0, 1000),
        (500, 500, 500),
        (800, 0, 1000),
        (800, 200, 800),
        (1000, 0, 1000),
    ],
)
def test_what_went_back_of_what_an_upgrade_was_paid_with_is_not_credited(before: int, after: int, credit: int) -> None:
    """Of 1000 500 were used and 500 passed on to an upgrade of 1000: a refund takes of the latter what exceeds 500.

    What went back before the upgrade was never passed on, and is not subtracted once more.
    """
    subscription = half_way(make_active(make_plan(1000)))
    if before:
        refund_first(subscription, before)
    upgrade(subscription, 2000)
    if after:
        refund_first(subscription, after)
    cancel(subscription, credit_unused=True)
    assert credit_of(subscription) == credit


def test_what_went_back_is_not_credited_after_two_upgrades_either() -> None:
    """500 of 1000 were passed on to the first upgrade, and all of that to the second, which costs 1500."""
    subscription = half_way(make_active(make_plan(1000)))
    upgrade(upgrade(subscription, 2000), 3000)
    refund_first(subscription)
    cancel(subscription, credit_unused=True)
    assert credit_of(subscription) == 1000


def test_what_is_disputed_is_not_credited_after_an_upgrade() -> None:
    """Nobody knows yet whose it is: of the upgrade's 1000 only the 500 are credited that were paid for it."""
    subscription = half_way(make_active(make_plan(1000)))
    upgrade(subscription, 2000)
    tell_dispute(Payment.objects.get(invoice=invoices_of(subscription)[0]), "opened")
    cancel(subscription, credit_unused=True)
    assert credit_of(subscription) == 500
