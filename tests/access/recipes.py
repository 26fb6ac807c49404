"""What each operation that customers may use is tried on.

A new operation with `customer_methods` needs one line here: in `RECIPES`, how something of a customer's comes to be,
and the body that goes with it; or in `OF_WHOEVER_ASKS`, why it can name nothing of anybody else's.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from billing import services as billing
from billing.models import Plan
from billing.tests.factories import make_active, make_plan
from invoices.models import Customer
from invoices.tests.factories import MERCHANT_KEY, make_customer, make_invoice
from payments.models import Payment
from payments.tests.factories import captured, make_method, make_payment, make_refund, tell_payment

OPEN = {"auth_register", "auth_login", "auth_refresh", "auth_password_reset", "auth_password_reset_confirm"}
"""Whoever has no credential yet may use these, and nothing else."""

OF_WHOEVER_ASKS = {
    "auth_logout": "the sessions of its tokens",
    "auth_me": "the user of the session",
    "auth_me_update": "the user of the session",
    "auth_password_change": "the user of the session",
}
"""Operation → what it is about, which its credential alone says."""

OF_EVERYBODY = {"plans_list", "plans_retrieve"}
"""What is about nobody in particular, and the same for all customers."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """`make(customer_id)` makes something of that customer's, or of nobody's for None, and returns its id.

    The id goes into the path where the path has a place for one, into `body(id)` and into `query(id)`. One that
    `asks_provider` takes a simulator.
    """

    make: Callable[[str | None], str]
    body: Callable[[str], dict[str, Any]] = lambda id: {}
    query: Callable[[str], str] = lambda id: ""
    asks_provider: bool = False


def invoice(customer_id: str | None) -> str:
    """Open."""
    return make_invoice(customer_id=customer_id).id


def customer(customer_id: str | None) -> str:
    """Whoever it is; nobody's is another one's."""
    return customer_id or make_customer().id


def payment(customer_id: str | None) -> str:
    """Not sent yet."""
    return _payment(customer_id).id


def refund(customer_id: str | None) -> str:
    """Of a payment that has succeeded."""
    paid = _payment(customer_id)
    tell_payment(paid, captured(paid))
    return make_refund(paid).id


def _payment(customer_id: str | None) -> Payment:
    return make_payment(invoice=make_invoice(customer_id=customer_id))


def subscription(customer_id: str | None) -> str:
    """Active, beside a plan that it can be changed to."""
    make_plan(5000, name="Pro")
    owner = Customer.objects.get(id=customer_id) if customer_id else None
    return make_active(customer=owner).id


def ending(customer_id: str | None) -> str:
    """A subscription that is to be canceled when its period ends."""
    id = subscription(customer_id)
    billing.cancel_subscription(actor=MERCHANT_KEY, subscription_id=id, when=billing.When.PERIOD_END)
    return id


def user(customer_id: str | None) -> str:
    """Whoever it is, served by a subscription with something to use."""
    owner = Customer.objects.get(id=customer(customer_id))
    make_active(make_plan(features={"api_calls": {"limit": 10}}), customer=owner)
    return owner.id


def subscriber(customer_id: str | None) -> str:
    """Whoever it is, beside a plan with a trial."""
    make_plan(5000, name="Pro", trial_days=14)
    return customer(customer_id)


def pro() -> str:
    return Plan.objects.filter(name="Pro").latest("id").id


def method(customer_id: str | None) -> str:
    """Attached."""
    return make_method(Customer.objects.get(id=customer(customer_id))).id


RECIPES = {
    "customers_balance_retrieve": Recipe(customer),
    "customers_credits_list": Recipe(customer),
    "payment_methods_list": Recipe(method),
    "payment_methods_create": Recipe(
        customer, body=lambda id: {"customer": id, "payment_method": "tok_visa"}, asks_provider=True
    ),
    "payment_methods_retrieve": Recipe(method),
    "payment_methods_delete": Recipe(method),
    "payment_methods_default": Recipe(method),
    "subscriptions_list": Recipe(subscription),
    "subscriptions_mine": Recipe(subscription),
    "subscriptions_create": Recipe(subscriber, body=lambda id: {"customer": id, "plan": pro()}),
    "subscriptions_trial": Recipe(subscriber, body=lambda id: {"customer": id, "plan": pro()}),
    "subscriptions_retrieve": Recipe(subscription),
    "subscriptions_update": Recipe(subscription, body=lambda id: {"plan": pro()}),
    "subscriptions_replace": Recipe(subscription, body=lambda id: {"payment_method": "tok_mastercard"}),
    "subscriptions_delete": Recipe(subscription),
    "subscriptions_cancel": Recipe(subscription),
    "subscriptions_reactivate": Recipe(ending),
    "customers_retrieve": Recipe(customer),
    "usage_use": Recipe(user, body=lambda id: {"customer": id, "feature_name": "api_calls", "delta": 1}),
    "usage_me": Recipe(user, query=lambda id: f"?customer={id}"),
    "usage_limits": Recipe(user, query=lambda id: f"?customer={id}"),
    "invoices_list": Recipe(invoice),
    "invoices_retrieve": Recipe(invoice),
    "invoices_pay": Recipe(invoice, body=lambda id: {"payment_method": "tok_visa"}),
    "payments_list": Recipe(payment),
    "payments_create": Recipe(invoice, body=lambda id: {"invoice": id, "payment_method": "tok_visa"}),
    "payments_retrieve": Recipe(payment),
    "payments_cancel": Recipe(payment),
    "refunds_list": Recipe(refund),
    "refunds_retrieve": Recipe(refund),
}
