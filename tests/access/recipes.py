"""What each operation that customers may use is tried on.

A new operation with `customer_methods` needs one line here: in `RECIPES`, how something of a customer's comes to be,
and the body that goes with it; or in `OF_WHOEVER_ASKS`, why it can name nothing of anybody else's.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from invoices.tests.factories import make_customer, make_invoice
from payments.models import Payment
from payments.tests.factories import captured, make_payment, make_refund, tell_payment

OPEN = {"auth_register", "auth_login", "auth_refresh", "auth_password_reset", "auth_password_reset_confirm"}
"""Whoever has no credential yet may use these, and nothing else."""

OF_WHOEVER_ASKS = {
    "auth_logout": "the sessions of its tokens",
    "auth_me": "the user of the session",
    "auth_me_update": "the user of the session",
    "auth_password_change": "the user of the session",
}
"""Operation → what it is about, which its credential alone says."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """`make(customer_id)` makes something of that customer's, or of nobody's for None, and returns its id.

    The id goes into the path where the path has a place for one, and into `body(id)`.
    """

    make: Callable[[str | None], str]
    body: Callable[[str], dict[str, Any]] = lambda id: {}


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


RECIPES = {
    "customers_retrieve": Recipe(customer),
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
