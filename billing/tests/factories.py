"""Plans and subscriptions made through the services, and what providers say about their payments."""

import datetime
from typing import Any

from billing import services
from billing.models import Plan, Subscription
from config.kernel import clock
from config.test_clock.services import advance
from invoices.models import Customer, Invoice
from invoices.tests.factories import MERCHANT_KEY
from outbox import services as outbox
from payments.models import Payment
from payments.providers.base import Outcome
from payments.services import PaymentTerms
from payments.tests.factories import captured, tell_payment

VISA = PaymentTerms(provider="simulated", payment_method="tok_visa")


def make_customer() -> Customer:
    """Somebody who can subscribe."""
    from invoices import services as invoices

    return invoices.create_customer(actor=MERCHANT_KEY, name="Ada", email="", metadata={}, key=None).row


def make_plan(
    amount: int = 1000, *, cycle: str = "month", name: str = "Basic", family: str = "default", **terms: Any
) -> Plan:
    """An active plan in EUR."""
    said = services.PlanTerms(amount=amount, currency=terms.pop("currency", "EUR"), cycle=cycle, **terms)
    return services.create_plan(actor=MERCHANT_KEY, name=name, terms=said, family=family, key=None).row


def make_subscription(
    plan: Plan | None = None, *, terms: PaymentTerms | None = VISA, customer: Customer | None = None, **more: Any
) -> Subscription:
    """A pending one whose first invoice is being paid."""
    new = services.NewSubscription(
        customer_id=(customer or make_customer()).id, plan_id=(plan or make_plan()).id, terms=terms, **more
    )
    return services.subscribe(actor=MERCHANT_KEY, new=new, key=None).row


def make_active(plan: Plan | None = None, **more: Any) -> Subscription:
    """One whose first invoice is paid."""
    return settle(make_subscription(plan, **more))


def make_trial(plan: Plan | None = None, *, terms: PaymentTerms | None = None, **more: Any) -> Subscription:
    """A trial that has just begun."""
    new = services.NewSubscription(
        customer_id=make_customer().id, plan_id=(plan or make_plan(trial_days=14)).id, terms=terms, **more
    )
    return services.start_trial(actor=MERCHANT_KEY, new=new, key=None).row


def settle(subscription: Subscription, outcome: Outcome | None = None) -> Subscription:
    """The provider has the money of its live payments, or says `outcome` of them, and the relay tells billing."""
    for payment in live_payments(subscription):
        tell_payment(payment, outcome or captured(payment))
    outbox.drain()
    return again(subscription)


def live_payments(subscription: Subscription) -> list[Payment]:
    """Those that are trying to pay its invoices."""
    live = Payment.objects.filter(live_invoice__subscription_invoice__subscription=subscription)
    return list(live.order_by("id"))


def again(subscription: Subscription) -> Subscription:
    """The subscription as it is now."""
    return Subscription.objects.get(id=subscription.id)


def invoices_of(subscription: Subscription) -> list[Invoice]:
    """Oldest first."""
    return list(Invoice.objects.filter(subscription_invoice__subscription=subscription).order_by("id"))


def go_to(moment: datetime.datetime) -> None:
    """Business time is then, or a moment later."""
    advance(by=max(moment - clock.now(), datetime.timedelta(0)) + datetime.timedelta(milliseconds=1))


def renew() -> None:
    """What is due happens, and the relay tells about it."""
    services.renew_due()
    outbox.drain()


def events_of(subscription: Subscription) -> list[str]:
    """What its log tells, in order, without what all of it is about."""
    from outbox.models import OutboxEvent

    types = OutboxEvent.objects.filter(aggregate_id=subscription.id).order_by("sequence")
    return [each.removeprefix("subscription.") for each in types.values_list("type", flat=True)]
