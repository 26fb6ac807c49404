"""What happens to subscriptions by itself: renewals, declines, days of grace, the ends of trials."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import services
from billing.models import Subscription, SubscriptionInvoice
from billing.services import renewing
from billing.services.renewing import Step
from billing.tests.factories import (
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
from invoices import services as invoices
from invoices.tests.factories import MERCHANT_KEY
from outbox import services as outbox
from payments import services as payments
from payments.models import Receipt, Refund
from payments.services import PaymentTerms
from payments.tests.factories import HARD, SOFT, captured, make_key, make_method, tell_payment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


def test_the_first_payment_activates() -> None:
    """Pending until the invoice is paid, and the relay says so."""
    subscription = make_subscription()
    assert subscription.status == "pending"
    assert settle(subscription).status == "active"
    assert events_of(subscription) == ["created", "activated"]


def test_a_renewal_makes_the_next_period_once() -> None:
    """Its invoice is paid with the same method, and it stays active."""
    subscription = make_active()
    go_to(subscription.period_ends_at)
    renew()
    renew()
    renewed = settle(subscription)
    assert (renewed.status, renewed.period, renewed.period_starts_at) == ("active", 2, subscription.period_ends_at)
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "paid"]
    assert events_of(subscription) == ["created", "activated", "renewed"]


def test_a_renewal_takes_twelve_statements() -> None:
    """Locks; usage, credit; invoice, whose period, subscription, payment, invoice; events, lines, journal, entries.

    Who is due and the plan are read once for a whole batch.
    """
    subscription = make_active()
    go_to(subscription.period_ends_at)
    [due] = renewing._read_due().values()
    with CaptureQueriesContext(connection) as captured:
        assert renewing.take_step(due) == Step.TAKEN
    sent = [query["sql"] for query in captured if not query["sql"].startswith(("BEGIN", "COMMIT"))]
    assert len(sent) == 12, sent


def test_what_was_missed_is_made_up_for_period_by_period() -> None:
    """After 95 days without a worker there are the three periods that began, each once."""
    subscription = make_active(make_plan(cycle="month"))
    go_to(subscription.period_ends_at + datetime.timedelta(days=65))
    renew()
    assert again(subscription).period == 4
    periods = SubscriptionInvoice.objects.filter(subscription=subscription).order_by("period")
    assert list(periods.values_list("period", flat=True)) == [1, 2, 3, 4]


def test_a_decline_makes_it_past_due_and_the_next_try_recovers_it() -> None:
    """The invoice's policy tries again; once paid it is active."""
    subscription = make_active()
    go_to(subscription.period_ends_at)
    renew()
    declined = settle(subscription, SOFT)
    assert declined.status == "past_due"
    invoice = invoices_of(subscription)[-1]
    assert invoice.next_attempt_at is not None
    go_to(invoice.next_attempt_at)
    payments.retry_due()
    assert settle(subscription).status == "active"
    assert events_of(subscription) == ["created", "activated", "renewed", "past_due", "activated"]


@pytest.mark.parametrize(("after_grace", "status"), [("suspend", "unpaid"), ("cancel", "canceled")])
def test_when_the_days_of_grace_are_over_the_plan_decides(after_grace: str, status: str) -> None:
    """Seven days after the first decline it is suspended or canceled."""
    subscription = make_active(make_plan(after_grace=after_grace))
    go_to(subscription.period_ends_at)
    renew()
    declined = settle(subscription, HARD)
    assert declined.past_due_at is not None
    go_to(declined.past_due_at + datetime.timedelta(days=7))
    renew()
    assert again(subscription).status == status


def test_a_trial_becomes_a_paid_subscription_when_it_ends() -> None:
    """Its first period begins where the trial ended, and it is active once that is paid."""
    subscription = make_trial(terms=PaymentTerms(provider="simulated", payment_method="tok_visa"))
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).status == "trialing"
    converted = settle(subscription)
    assert (converted.status, converted.period, converted.period_starts_at) == ("active", 1, subscription.trial_ends_at)


def test_a_trial_without_anything_to_pay_with_expires() -> None:
    """Nothing is owed."""
    subscription = make_trial()
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).status == "expired"
    assert invoices_of(subscription) == []


def test_a_first_invoice_that_nobody_pays_is_voided_in_the_end() -> None:
    """A day later the subscription has expired."""
    subscription = make_subscription(terms=None)
    go_to(subscription.created_at + datetime.timedelta(days=1))
    renew()
    assert again(subscription).status == "expired"
    assert [invoice.status for invoice in invoices_of(subscription)] == ["void"]


def test_overage_is_billed_when_the_days_of_grace_cancel() -> None:
    """As it is when somebody cancels."""
    plan = make_plan(after_grace="cancel", features={"calls": {"limit": 10, "overage": {"unit_amount": 5}}})
    subscription = make_active(plan)
    go_to(subscription.period_ends_at)
    renew()
    settle(subscription, HARD)
    services.use(actor=MERCHANT_KEY, customer_id=subscription.customer_id, feature_name="calls", delta=20, key=None)
    go_to(clock.now() + datetime.timedelta(days=8))
    renew()
    assert again(subscription).status == "canceled"
    assert [invoice.amount for invoice in invoices_of(subscription)][2:] == [50]


def test_credit_pays_the_first_period_after_a_trial() -> None:
    """There is something to pay with."""
    subscription = make_trial()
    invoices.grant_credit(
        actor=MERCHANT_KEY,
        customer_id=subscription.customer_id,
        amount=1000,
        currency="EUR",
        reason="sorry",
        key=None,
    )
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).status == "active"


def test_while_a_retry_is_under_way_it_is_still_past_due() -> None:
    """Paying what came later does not make it active while what was declined is only being tried."""
    subscription = make_active(make_plan(cycle="day"))
    go_to(subscription.period_ends_at)
    renew()
    subscription = settle(subscription, SOFT)
    first = invoices_of(subscription)[1]
    go_to(subscription.period_ends_at)
    renew()
    go_to(first.next_attempt_at or clock.now())
    payments.retry_due()
    by_invoice = {payment.invoice_id: payment for payment in live_payments(subscription)}
    assert first.id in by_invoice
    later = invoices_of(subscription)[2]
    tell_payment(by_invoice[later.id], captured(by_invoice[later.id]))
    outbox.drain()
    assert again(subscription).status == "past_due"


def partly_paid() -> Subscription:
    """Staff has applied 400 of 1000 to the first invoice."""
    subscription = make_subscription()
    [payment] = live_payments(subscription)
    tell_payment(payment, SOFT)
    tell_payment(payment, captured(payment, amount=400))
    payments.dispose_receipt(
        actor=MERCHANT_KEY,
        receipt_id=Receipt.objects.get().id,
        disposition=payments.Disposition("apply"),
        reason="half of it",
    )
    outbox.drain()
    assert invoices_of(subscription)[0].amount_due == 600
    return subscription


def test_what_paid_a_part_goes_back_when_it_expires() -> None:
    """It never began."""
    subscription = partly_paid()
    go_to(subscription.created_at + datetime.timedelta(days=1))
    renew()
    assert again(subscription).status == "expired"
    assert [refund.amount for refund in Refund.objects.all()] == [400]


def test_with_a_bank_transfer_that_never_comes_it_is_not_served_for_ever() -> None:
    """The days of grace are over some day."""
    subscription = make_active()
    services.change_payment_method(
        actor=principals.customer(subscription.customer_id),
        subscription_id=subscription.id,
        terms=PaymentTerms(provider="manual"),
    )
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).status == "past_due"
    go_to(clock.now() + datetime.timedelta(days=7))
    renew()
    assert again(subscription).status == "unpaid"
    [payment] = live_payments(subscription)
    payments.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id, reference="bank-1")
    outbox.drain()
    assert again(subscription).status == "active"


def test_a_trial_paid_by_bank_transfer_has_the_days_of_grace_and_no_more() -> None:
    """It owes from the moment the payment is asked for, and is served until its days of grace are over."""
    subscription = make_trial()
    services.pay_subscription(
        actor=principals.customer(subscription.customer_id),
        subscription_id=subscription.id,
        terms=PaymentTerms(provider="manual"),
        key=make_key(),
    )
    outbox.drain()
    asked = again(subscription)
    assert (asked.status, asked.period) == ("past_due", 1)
    go_to(clock.now() + datetime.timedelta(days=7))
    renew()
    assert again(subscription).status == "unpaid"


def test_of_two_bank_transfers_both_have_to_come() -> None:
    """It is past due until the second is confirmed too, whichever came first."""
    subscription = make_active(make_plan(cycle="week", grace_days=14))
    services.change_payment_method(
        actor=MERCHANT_KEY, subscription_id=subscription.id, terms=PaymentTerms(provider="manual")
    )
    for _ in range(2):
        go_to(again(subscription).period_ends_at)
        renew()
    statuses = []
    for payment in reversed(live_payments(subscription)):
        payments.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id, reference=f"bank-{payment.id}")
        outbox.drain()
        statuses.append(again(subscription).status)
    assert statuses == ["past_due", "active"]


def test_a_payment_by_hand_does_not_stop_the_days_of_grace() -> None:
    """Past due, and paid with a bank transfer that never comes."""
    subscription = make_active()
    go_to(subscription.period_ends_at)
    renew()
    settle(subscription, HARD)
    services.pay_subscription(
        actor=principals.customer(subscription.customer_id),
        subscription_id=subscription.id,
        terms=PaymentTerms(provider="manual"),
        key=make_key(),
    )
    go_to(clock.now() + datetime.timedelta(days=20))
    renew()
    assert again(subscription).status == "unpaid"


def test_once_its_own_method_is_detached_the_default_pays() -> None:
    """As it does for what is tried again."""
    customer = make_customer()
    own = make_method(customer)
    subscription = settle(make_subscription(customer=customer, terms=PaymentTerms(payment_method=own.id)))
    make_method(customer, token="tok_mastercard", default=True)
    payments.detach_payment_method(actor=MERCHANT_KEY, method_id=own.id)
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).status == "active"
    assert len(live_payments(subscription)) == 1
