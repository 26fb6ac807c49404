"""What a review of subscriptions suspected, each asserting what should be."""

import pytest

from billing import services
from billing.services import When
from billing.tests.factories import (
    again,
    go_to,
    invoices_of,
    make_active,
    make_plan,
    renew,
)
from config.kernel import money
from invoices.tests.factories import MERCHANT_KEY

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
]


@pytest.mark.xfail(strict=True, reason="found in review, not mended")
def test_what_is_used_in_a_late_period_is_billed_when_it_is_canceled() -> None:
    """The renewal is late, and the customer has used what the next period holds."""
    plan = make_plan(features={"calls": {"limit": 10, "overage": {"unit_amount": 5}}})
    subscription = make_active(plan)
    go_to(subscription.period_ends_at)
    services.use(actor=MERCHANT_KEY, customer_id=subscription.customer_id, feature_name="calls", delta=20, key=None)
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
    assert sum(invoice.amount for invoice in invoices_of(subscription)) >= 1050


@pytest.mark.xfail(strict=True, reason="found in review, not mended")
def test_overage_and_a_dearer_plan_fit_on_an_invoice() -> None:
    """Else it is put off for ever."""
    plan = make_plan(0, features={"calls": {"limit": 0, "overage": {"unit_amount": 10**9}}})
    subscription = make_active(plan)
    services.use(actor=MERCHANT_KEY, customer_id=subscription.customer_id, feature_name="calls", delta=499, key=None)
    services.change_plan(
        actor=MERCHANT_KEY,
        subscription_id=subscription.id,
        plan_id=make_plan(money.MAX_AMOUNT, name="Max").id,
        when=When.PERIOD_END,
    )
    go_to(subscription.period_ends_at)
    renew()
    assert again(subscription).period == 2
