"""The end of subscriptions: now or when the period ends, what is owed then, and going on after all."""

import datetime

import pytest

from billing import services
from billing.models import Subscription
from billing.services import When
from billing.tests.factories import (
    VISA,
    again,
    events_of,
    go_to,
    invoices_of,
    live_payments,
    make_active,
    make_customer,
    make_plan,
    make_subscription,
    make_trial,
    renew,
    settle,
)
from config.kernel.errors import ForbiddenTransition
from invoices import services as invoices
from invoices.tests.factories import MERCHANT_KEY
from payments.models import Refund
from payments.services import PaymentTerms
from payments.tests.factories import HARD, SOFT, make_key

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def cancel(subscription: Subscription, when: When = When.NOW, **more: bool) -> Subscription:
    return services.cancel_subscription(
        actor=MERCHANT_KEY, subscription_id=subscription.id, when=when, reason="moving on", **more
    )


def test_canceled_now_it_has_ended() -> None:
    """For good: nothing is renewed, and canceling it again is refused."""
    subscription = make_active()
    ended = cancel(subscription)
    assert (ended.status, ended.cancel_reason, ended.due_at, ended.live_family) == ("canceled", "moving on", None, None)
    go_to(subscription.period_ends_at)
    renew()
    assert len(invoices_of(subscription)) == 1
    with pytest.raises(ForbiddenTransition):
        cancel(subscription)


def test_canceled_for_the_end_of_the_period_it_is_served_until_then() -> None:
    """And not renewed."""
    subscription = make_active()
    assert cancel(subscription, When.PERIOD_END).status == "active"
    with pytest.raises(services.CancelScheduled):
        cancel(subscription, When.PERIOD_END)
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).status == "canceled"
    assert len(invoices_of(subscription)) == 1
    assert events_of(subscription) == ["created", "activated", "cancel_scheduled", "canceled"]


def test_a_cancellation_to_come_is_taken_back() -> None:
    """It is renewed as if nothing had been."""
    subscription = make_active()
    cancel(subscription, When.PERIOD_END)
    services.reactivate_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).period == 2
    with pytest.raises(services.NotScheduled):
        services.reactivate_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)


def test_what_has_ended_is_not_reactivated() -> None:
    """The customer subscribes anew."""
    subscription = make_active()
    cancel(subscription)
    with pytest.raises(ForbiddenTransition):
        services.reactivate_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)


@pytest.mark.parametrize(("void_open_invoices", "status"), [(False, "failed"), (True, "void")])
def test_what_is_owed_stays_owed_unless_it_is_voided(void_open_invoices: bool, status: str) -> None:
    """Of a subscription that was past due."""
    subscription = make_active()
    go_to(subscription.period_ends_at)
    renew()
    settle(subscription, HARD)
    cancel(subscription, void_open_invoices=void_open_invoices)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", status]


def test_paying_what_is_owed_after_the_end_changes_nothing_else() -> None:
    """Its log has ended: what would be paid later, and with what, is of no interest."""
    subscription = make_active()
    go_to(subscription.period_ends_at)
    renew()
    settle(subscription, HARD)
    cancel(subscription)
    services.pay_subscription(
        actor=MERCHANT_KEY,
        subscription_id=subscription.id,
        terms=PaymentTerms(payment_method="tok_amex"),
        key=make_key(),
    )
    settle(subscription)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "paid"]
    assert events_of(subscription)[-1] == "canceled"


def test_a_pending_one_owes_nothing_once_canceled() -> None:
    """It was never served."""
    subscription = make_subscription(terms=None)
    assert cancel(subscription, When.PERIOD_END).status == "canceled"
    assert [invoice.status for invoice in invoices_of(subscription)] == ["void"]


def test_an_invoice_whose_payment_fails_after_the_end_is_voided_then() -> None:
    """A payment was under way when the pending subscription was canceled."""
    subscription = make_subscription()
    cancel(subscription)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["processing"]
    settle(subscription, SOFT)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["void"]


def test_money_that_arrives_for_what_was_canceled_before_it_began_goes_back() -> None:
    """The payment under way succeeds after all: all of it is refunded, once."""
    subscription = make_subscription()
    cancel(subscription)
    [payment] = live_payments(subscription)
    settle(subscription)
    refund = Refund.objects.get(payment=payment)
    assert (refund.amount, refund.status) == (1000, "created")
    assert again(subscription).status == "canceled"


def test_credit_that_had_paid_a_part_of_it_is_the_customer_s_again() -> None:
    """As the money that has paid the rest."""
    customer = make_customer()
    granted = {"customer_id": customer.id, "amount": 300, "currency": "EUR", "reason": "sorry"}
    invoices.grant_credit(actor=MERCHANT_KEY, key=None, **granted)
    subscription = make_subscription(customer=customer)
    cancel(subscription)
    settle(subscription)
    assert Refund.objects.get().amount == 700
    assert invoices.credit_balance(customer=customer, currency="EUR") == 300


def test_what_is_not_used_is_credited_where_that_is_asked_for() -> None:
    """Half of the period's price is the customer's credit."""
    subscription = make_active()
    length = subscription.period_ends_at - subscription.period_starts_at
    go_to(subscription.period_starts_at + length / 2 - datetime.timedelta(seconds=1))
    cancel(subscription, credit_unused=True)
    lines = [line.amount for line in invoices_of(subscription)[-1].lines.order_by("position")]
    assert lines == [-500, 500]
    assert invoices.credit_balance(customer=subscription.customer, currency="EUR") == 500


def test_where_the_renewal_is_late_there_is_nothing_left_to_credit() -> None:
    """The period that was paid is over, and no other has been billed."""
    subscription = make_active()
    go_to(subscription.period_ends_at + datetime.timedelta(days=1))
    assert cancel(subscription, credit_unused=True).status == "canceled"
    assert len(invoices_of(subscription)) == 1


@pytest.mark.parametrize(("terms", "status"), [(None, "void"), (VISA, "paid")])
def test_what_nobody_is_to_owe_is_not_credited_beside(terms: PaymentTerms | None, status: str) -> None:
    """What is open is voided, and the money of a payment under way goes back: a credit would be a present."""
    subscription = make_subscription(terms=terms)
    cancel(subscription, credit_unused=True)
    settle(subscription)
    assert [invoice.status for invoice in invoices_of(subscription)] == [status]
    assert Refund.objects.count() == (status == "paid")
    assert invoices.credit_balance(customer=subscription.customer, currency="EUR") == 0


def test_what_was_paid_is_credited_though_what_is_open_is_voided() -> None:
    """A change of plan that nobody has paid comes to nothing, and the rest of what was paid is credited."""
    subscription = make_active()
    services.change_payment_method(actor=MERCHANT_KEY, subscription_id=subscription.id, terms=PaymentTerms())
    length = subscription.period_ends_at - subscription.period_starts_at
    go_to(subscription.period_starts_at + length / 2 - datetime.timedelta(seconds=1))
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=make_plan(4000, name="Pro").id)
    cancel(subscription, credit_unused=True, void_open_invoices=True)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "void", "paid"]
    assert invoices.credit_balance(customer=subscription.customer, currency="EUR") == 500


def test_a_trial_ends_without_owing_anything() -> None:
    """Now, or when it would have become a paid one."""
    plan = make_plan(trial_days=14)
    assert cancel(make_trial(plan)).status == "canceled"
    later = make_trial(plan)
    cancel(later, When.PERIOD_END)
    go_to(later.period_ends_at)
    renew()
    assert (again(later).status, invoices_of(later)) == ("canceled", [])
