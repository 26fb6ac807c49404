"""What happens to subscriptions by itself: renewals, declines, days of grace, the ends of trials."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import SubscriptionInvoice
from billing.services import renewing
from billing.services.renewing import Step
from billing.tests.factories import (
    again,
    events_of,
    go_to,
    invoices_of,
    make_active,
    make_plan,
    make_subscription,
    make_trial,
    renew,
    settle,
)
from payments.services import PaymentTerms
from payments.tests.factories import HARD, SOFT

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


@pytest.mark.parametrize(("features", "statements"), [({}, 11), ({"api_calls": {"limit": 10}}, 12)])
def test_a_renewal_takes_eleven_statements(features: dict[str, Any], statements: int) -> None:
    """Locks; credit; invoice, whose period it is, subscription, payment, invoice; events, lines, journal, entries.

    The usage of what its plan limits costs one more; who is due and the plan are read once for a whole batch.
    """
    subscription = make_active(make_plan(features=features))
    go_to(subscription.period_ends_at)
    [due] = renewing._read_due().values()
    with CaptureQueriesContext(connection) as captured:
        assert renewing.take_step(due) == Step.TAKEN
    sent = [query["sql"] for query in captured if query["sql"] not in ("BEGIN", "COMMIT")]
    assert len(sent) == statements, sent


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
    from payments import services as payments

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
