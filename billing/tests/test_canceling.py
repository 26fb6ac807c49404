"""The end of subscriptions: now or when the period ends, what is owed then, and going on after all."""

import datetime
from typing import Any

import pytest

from billing import services
from billing.models import Subscription, UsageCounter
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
from config.api import principals
from config.kernel import clock
from config.kernel.errors import ForbiddenTransition
from invoices import services as invoices
from invoices.models import Customer
from invoices.tests.factories import MERCHANT_KEY
from outbox import services as outbox
from payments import services as payments
from payments.models import Payment, Refund
from payments.providers.base import Outcome
from payments.services import PaymentTerms
from payments.tests.factories import HARD, SOFT, captured, make_key, tell_dispute, tell_payment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def cancel(subscription: Subscription, when: When = When.NOW, **more: bool) -> Subscription:
    return services.cancel_subscription(
        actor=MERCHANT_KEY, subscription_id=subscription.id, when=when, reason="moving on", **more
    )


def renewed(subscription: Subscription, outcome: Outcome | None = None) -> Subscription:
    """Its next period has begun, and the provider says `outcome` of the payment."""
    go_to(subscription.period_ends_at)
    renew()
    return settle(subscription, outcome) if outcome else again(subscription)


def credit_of(subscription: Subscription) -> int:
    return invoices.credit_balance(customer=subscription.customer, currency="EUR")


def with_credit(amount: int) -> Customer:
    customer = make_customer()
    invoices.grant_credit(
        actor=MERCHANT_KEY, customer_id=customer.id, amount=amount, currency="EUR", reason="sorry", key=None
    )
    return customer


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


def test_what_the_merchant_has_let_somebody_off_they_are_not_asked_for_again() -> None:
    """Scheduled with voiding; then the customer ends it at once, or takes it back, which takes that back too."""
    sooner = renewed(make_active(), HARD)
    cancel(sooner, When.PERIOD_END, void_open_invoices=True)
    services.cancel_subscription(actor=principals.customer(sooner.customer_id), subscription_id=sooner.id)
    assert [invoice.status for invoice in invoices_of(sooner)] == ["paid", "void"]
    going_on = renewed(make_active(), HARD)
    cancel(going_on, When.PERIOD_END, void_open_invoices=True)
    services.reactivate_subscription(actor=MERCHANT_KEY, subscription_id=going_on.id)
    cancel(going_on)
    assert [invoice.status for invoice in invoices_of(going_on)] == ["paid", "failed"]


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
    granted: dict[str, Any] = {"customer_id": customer.id, "amount": 300, "currency": "EUR", "reason": "sorry"}
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


def test_where_the_renewal_is_late_there_is_nothing_to_credit() -> None:
    """The period that was paid is over, and the one that has begun is not paid yet."""
    subscription = make_active()
    go_to(subscription.period_ends_at + datetime.timedelta(days=1))
    assert cancel(subscription, credit_unused=True).status == "canceled"
    assert [invoice.amount for invoice in invoices_of(subscription)] == [1000, 1000]


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


def test_what_nobody_owes_is_not_credited() -> None:
    """A pending one just ends; of one that is past due what is voided is gone, not owed against credit."""
    pending, overdue = make_subscription(terms=None), make_active()
    cancel(pending, credit_unused=True)
    go_to(overdue.period_ends_at)
    renew()
    settle(overdue, HARD)
    cancel(overdue, credit_unused=True, void_open_invoices=True)
    assert [invoice.status for invoice in invoices_of(pending)] == ["void"]
    assert [invoice.status for invoice in invoices_of(overdue)] == ["paid", "void"]


def test_a_trial_ends_without_owing_anything() -> None:
    """Now, or when it would have become a paid one."""
    plan = make_plan(trial_days=14)
    assert cancel(make_trial(plan)).status == "canceled"
    later = make_trial(plan)
    cancel(later, When.PERIOD_END)
    go_to(later.period_ends_at)
    renew()
    assert (again(later).status, invoices_of(later)) == ("canceled", [])


def test_what_was_never_paid_is_not_credited() -> None:
    """Past due, canceled with credit for what is not used: no credit for money that never came."""
    subscription = renewed(make_active(), HARD)
    assert subscription.status == "past_due"
    cancel(subscription, credit_unused=True)
    assert credit_of(subscription) == 0


def test_voided_and_credited_nothing_is_owed_and_nothing_given() -> None:
    """Past due, canceled with both: the invoice is void, no credit."""
    subscription = renewed(make_active(), HARD)
    cancel(subscription, credit_unused=True, void_open_invoices=True)
    assert (invoices_of(subscription)[1].status, credit_of(subscription)) == ("void", 0)


def test_what_was_refunded_is_not_credited_too() -> None:
    """The payment was given back whole, then the subscription is canceled with credit."""
    subscription = make_active()
    payment = invoices_of(subscription)[0].payments.get()
    payments.request_refund(actor=MERCHANT_KEY, payment_id=payment.id, key=make_key(operation="payments.refund"))
    cancel(subscription, credit_unused=True)
    assert credit_of(subscription) == 0


def test_unpaid_and_canceled_with_credit_long_after_the_period() -> None:
    """Nothing is left of the period: no credit, no crash."""
    subscription = renewed(make_active(make_plan(grace_days=1)), HARD)
    go_to(subscription.period_ends_at + datetime.timedelta(days=3))
    renew()
    assert again(subscription).status == "unpaid"
    assert cancel(subscription, credit_unused=True).status == "canceled"


def test_a_pending_one_whose_payment_came_just_before_it_was_canceled() -> None:
    """It was never served: the money goes back."""
    subscription = make_subscription()
    [payment] = live_payments(subscription)
    tell_payment(payment, captured(payment))
    cancel(subscription)
    outbox.drain()
    assert [refund.amount for refund in Refund.objects.all()] == [1000]


def test_credit_that_paid_a_part_of_a_pending_one_comes_back() -> None:
    """600 by card and 400 from credit: both return when it was canceled before."""
    subscription = make_subscription(customer=with_credit(400))
    cancel(subscription)
    settle(subscription)
    assert [refund.amount for refund in Refund.objects.all()] == [600]
    assert credit_of(subscription) == 400


def test_credit_that_paid_all_of_a_pending_one_comes_back() -> None:
    """Canceled before the relay told."""
    subscription = make_subscription(customer=with_credit(4000))
    cancel(subscription)
    outbox.drain()
    assert (again(subscription).status, credit_of(subscription)) == ("canceled", 4000)


def test_to_be_canceled_and_unpaid_it_ends_with_its_period() -> None:
    """Not for ever unpaid."""
    subscription = renewed(make_active(make_plan(grace_days=1)), HARD)
    cancel(subscription, When.PERIOD_END)
    go_to(clock.now() + datetime.timedelta(days=2))
    renew()
    assert again(subscription).status == "unpaid"
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).status == "canceled"


def test_canceled_with_void_after_an_unpaid_upgrade_nothing_is_owed() -> None:
    """Renewal and upgrade both declined: both are void."""
    subscription = renewed(make_active())
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=make_plan(3000, name="Pro").id)
    settle(subscription, HARD)
    cancel(subscription, void_open_invoices=True)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "void", "void"]


def test_a_lost_dispute_is_not_credited_too() -> None:
    """The bank gave it back already."""
    subscription = make_active()
    [payment] = Payment.objects.all()
    tell_dispute(payment, "opened")
    tell_dispute(payment, "lost")
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id, credit_unused=True)
    assert invoices.credit_balance(customer=subscription.customer, currency="EUR") == 0


def test_customers_cannot_let_themselves_off_nor_give_themselves_credit() -> None:
    """Only the merchant voids and credits; what is refused has ended nothing."""
    plan = make_plan(features={"calls": {"limit": 10, "overage": {"unit_amount": 5}}})
    subscription = make_active(plan)
    services.use(actor=MERCHANT_KEY, customer_id=subscription.customer_id, feature_name="calls", delta=1000, key=None)
    ada = principals.customer(subscription.customer_id)
    with pytest.raises(services.OnlyForMerchants) as refused:
        services.cancel_subscription(
            actor=ada, subscription_id=subscription.id, void_open_invoices=True, credit_unused=True
        )
    assert [(error.field, error.code) for error in refused.value.errors] == [
        ("void_open_invoices", "only_for_merchants"), ("credit_unused", "only_for_merchants"),
    ]  # fmt: skip
    services.cancel_subscription(actor=ada, subscription_id=subscription.id)
    assert [invoice.amount for invoice in invoices_of(subscription)] == [1000, 4950]


def test_what_is_used_in_a_late_period_is_billed_when_it_is_canceled() -> None:
    """The renewal is late, and the customer has used what the next period holds: that is billed first."""
    plan = make_plan(features={"calls": {"limit": 10, "overage": {"unit_amount": 5}}})
    subscription = make_active(plan)
    go_to(subscription.period_ends_at)
    services.use(actor=MERCHANT_KEY, customer_id=subscription.customer_id, feature_name="calls", delta=20, key=None)
    cancel(subscription)
    assert [invoice.amount for invoice in invoices_of(subscription)] == [1000, 1000, 50]
    assert not UsageCounter.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("when", When)
def test_what_was_missed_is_made_up_for_before_it_is_canceled(when: When) -> None:
    """Whoever cancels while nobody renews has been served, and pays for the periods that have begun."""
    subscription = make_active(make_plan(cycle="day"))
    go_to(subscription.period_ends_at + datetime.timedelta(days=5))
    canceled = cancel(subscription, when)
    assert (canceled.period, canceled.period_ends_at > clock.now()) == (7, True)
    assert [invoice.amount for invoice in invoices_of(subscription)] == [1000] * 7
