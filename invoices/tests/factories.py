"""Invoices and customers made through the services, so that their books and events exist too."""

from typing import Any

from factory.base import DictFactory, Factory
from factory.declarations import Dict, LazyAttribute, Sequence

from config.api.principals import Principal
from config.kernel import db
from invoices import services
from invoices.models import CreditEntry, Customer, Invoice
from invoices.services import Line, NewInvoice

MERCHANT_KEY = Principal(kind="api_key", id="key_test", scopes=frozenset())


class CustomerInputFactory(DictFactory):
    """What a back end says of a customer."""

    name = Sequence(lambda n: f"Customer {n}")
    email = ""
    metadata = Dict({})


class NewInvoiceFactory(Factory[NewInvoice]):
    """What to issue: one line over `amount`."""

    class Meta:
        model = NewInvoice

    class Params:
        amount = 1250

    lines = LazyAttribute(lambda new: [Line(unit_amount=new.amount)])
    currency = "EUR"


def make_customer(**changes: Any) -> Customer:
    """A customer with a name."""
    return services.create_customer(actor=MERCHANT_KEY, key=None, **CustomerInputFactory.build(**changes)).row


def make_invoice(amount: int = 1250, currency: str = "EUR", **changes: Any) -> Invoice:
    """An open invoice with one line."""
    new = NewInvoiceFactory.build(amount=amount, currency=currency, **changes)
    return services.create_invoice(actor=MERCHANT_KEY, new=new, key=None).row


def make_credit(amount: int, currency: str = "EUR", customer: Customer | None = None) -> CreditEntry:
    """Credit by hand, of a new customer unless one is given."""
    customer = customer or make_customer()
    return services.grant_credit(
        actor=MERCHANT_KEY, customer_id=customer.id, amount=amount, currency=currency, reason="a gift", key=None
    ).row


@db.transaction(idempotent=False)
def issue(customer: Customer, *lines: Line, currency: str = "EUR") -> Invoice:
    """An invoice as billing issues it: its lines may take others back."""
    new = NewInvoice(lines=lines, currency=currency, customer_id=customer.id)
    return services.issue(actor=MERCHANT_KEY, new=new)
