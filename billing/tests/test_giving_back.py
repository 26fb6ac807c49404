"""What a subscription's end gives back or credits: of what was paid, nothing twice, and what is still owed stays."""

import datetime
from typing import Any

import pytest
import time_machine

from billing import services
from billing.models import Subscription
from billing.services import When
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
    renew,
    settle,
)
from invoices import services as invoices
from invoices.tests.factories import MERCHANT_KEY
from outbox import services as outbox
from outbox.models import HeldEvent
from payments.models import Payment, Refund
from payments.providers.base import Outcome
from payments.tests.factories import HARD, captured, make_key, make_refund, tell_dispute, tell_payment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def cancel(subscription: Subscription, *, credit_unused: bool = False, void: bool = False) -> Subscription:
    return services.cancel_subscription(
        actor=MERCHANT_KEY,
        subscription_id=subscription.id,
        credit_unused=credit_unused,
        void_open_invoices=void,
    )


def credit_of(subscription: Subscription) -> int:
    return invoices.credit_balance(customer=subscription.customer, currency="EUR")


def half_way(subscription: Subscription) -> Subscription:
    """The same, when half of its period is over."""
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


def on_a_host_that_is(ahead: datetime.timedelta) -> time_machine.travel:
    return time_machine.travel(datetime.datetime.now(datetime.UTC) + ahead, tick=False)


@pytest.mark.parametrize("ahead_seconds", [-60, 60])
def test_money_that_comes_after_the_end_goes_back_whatever_the_clock_of_who_books_it(ahead_seconds: int) -> None:
    """By that clock it came before the end, or after it."""
    subscription = make_subscription()
    [payment] = live_payments(subscription)
    cancel(subscription)
    with on_a_host_that_is(datetime.timedelta(seconds=ahead_seconds)):
        tell_payment(payment, captured(payment))
    outbox.drain()
    assert [refund.amount for refund in Refund.objects.all()] == [1000]


@pytest.mark.parametrize("ahead_seconds", [-60, 60])
def test_what_was_paid_before_the_end_is_given_back_once_whatever_the_clock_of_who_books_it(ahead_seconds: int) -> None:
    """A pending one whose payment nobody has heard of when it is canceled: 600 by card, 400 from credit."""
    customer = make_customer()
    given: dict[str, Any] = {"amount": 400, "currency": "EUR", "reason": "sorry", "key": None}
    invoices.grant_credit(actor=MERCHANT_KEY, customer_id=customer.id, **given)
    subscription = make_subscription(customer=customer)
    [payment] = live_payments(subscription)
    with on_a_host_that_is(datetime.timedelta(seconds=ahead_seconds)):
        tell_payment(payment, captured(payment))
    cancel(subscription)
    outbox.drain()
    assert [refund.amount for refund in Refund.objects.all()] == [600]
    assert credit_of(subscription) == 400
    assert not HeldEvent.objects.exists()


def upgraded_while_renewed() -> tuple[Subscription, Payment, Payment]:
    """Half of its second period is taken back by an upgrade, and both are being paid: 1000, and 1500 less 500."""
    subscription = make_active()
    go_to(subscription.period_ends_at)
    renew()
    half_way(again(subscription))
    plan = make_plan(3000, name="Pro")
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=plan.id)
    renewal, upgrade = live_payments(subscription)
    return subscription, renewal, upgrade


def tell(payment: Payment, outcome: Outcome) -> None:
    tell_payment(payment, outcome)
    outbox.drain()


def pay_again(subscription: Subscription) -> None:
    """Somebody pays what it owes, after all."""
    services.pay_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id, terms=VISA, key=make_key())
    settle(subscription)


def test_what_is_left_owed_can_be_paid_and_is_not_given_back() -> None:
    """The renewal was declined, the upgrade that takes back a line of it is paid: voiding leaves the renewal owed."""
    subscription, renewal, upgrade = upgraded_while_renewed()
    tell(upgrade, captured(upgrade))
    tell(renewal, HARD)
    cancel(subscription, void=True)
    outbox.drain()
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "failed", "paid"]
    pay_again(subscription)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "paid", "paid"]
    assert not Refund.objects.exists()


def test_what_was_being_paid_is_kept_where_what_takes_it_back_was_paid_before_the_end() -> None:
    """The money of the renewal comes after the end."""
    subscription, renewal, upgrade = upgraded_while_renewed()
    tell(upgrade, captured(upgrade))
    cancel(subscription, void=True)
    tell(renewal, captured(renewal))
    assert not Refund.objects.exists()


def test_what_is_taken_back_by_what_goes_back_itself_goes_back_too() -> None:
    """Both were being paid at the end: nobody was to owe either."""
    subscription, renewal, upgrade = upgraded_while_renewed()
    cancel(subscription, void=True)
    tell(upgrade, captured(upgrade))
    tell(renewal, captured(renewal))
    assert sorted(refund.amount for refund in Refund.objects.all()) == [upgrade.amount, renewal.amount]
