"""A customer's credit: granted, applied to invoices, given back when they are voided, never negative."""

import pytest

from config.kernel import db
from invoices import services
from invoices.ledger import services as ledger
from invoices.models import CreditEntry, Invoice, InvoiceLine
from invoices.services import Line, NewInvoice
from invoices.tests.factories import MERCHANT_KEY, make_customer, make_invoice

pytestmark = pytest.mark.django_db


@db.transaction(idempotent=False)
def issue(customer_id: str, *lines: Line, currency: str = "EUR") -> Invoice:
    new = NewInvoice(lines=lines, currency=currency, customer_id=customer_id)
    return services.issue(actor=MERCHANT_KEY, new=new)


def grant(customer_id: str, amount: int, currency: str = "EUR") -> CreditEntry:
    return services.grant_credit(
        actor=MERCHANT_KEY, customer_id=customer_id, amount=amount, currency=currency, reason="sorry", key=None
    ).row


def test_credit_pays_the_next_invoices_as_far_as_it_goes() -> None:
    """The first whole, the second in part, and only those in its currency."""
    customer = make_customer()
    grant(customer.id, 1500)
    first, yen, second = (
        make_invoice(1000, customer_id=customer.id),
        make_invoice(1000, "JPY", customer_id=customer.id),
        make_invoice(1000, customer_id=customer.id),
    )
    assert (first.status, first.amount_credited, first.amount_due) == ("paid", 1000, 0)
    assert (yen.status, yen.amount_credited, yen.amount_due) == ("open", 0, 1000)
    assert (second.status, second.amount_credited, second.amount_due) == ("open", 500, 500)
    assert ledger.balances()["receivable", "EUR"] == 500


def test_taking_back_more_than_is_charged_leaves_credit() -> None:
    """The invoice is over nothing, and paid."""
    customer = make_customer()
    issue(customer.id, Line(unit_amount=1000))
    line = InvoiceLine.objects.get()
    invoice = issue(customer.id, Line(unit_amount=300), Line(unit_amount=-700, reverses=line.id))
    assert (invoice.status, invoice.amount) == ("paid", 0)
    assert CreditEntry.objects.get().amount == 400
