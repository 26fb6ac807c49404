"""What may go wrong with credit and with lines that take others back."""

from collections.abc import Callable

from django.db.models import F

from config.kernel import clock
from invoices import services
from invoices.models import CreditEntry, Entry, Invoice, InvoiceLine, Journal
from invoices.services import Line
from invoices.tests.factories import MERCHANT_KEY, issue, make_credit, make_customer
from tests.books.rows import change, first


def use_credit() -> None:
    """Granted, applied, revoked, returned, carried over; and some of another customer's that nobody has used."""
    customer = make_customer()
    make_credit(5000, customer=customer)
    services.revoke_credit(
        actor=MERCHANT_KEY, customer_id=customer.id, amount=500, currency="EUR", reason="typo", key=None
    )
    paid = issue(customer, Line(unit_amount=1000, tax_amount=190), Line(unit_amount=600))
    charged, other = paid.lines.order_by("position")
    issue(customer, Line(unit_amount=100), Line(unit_amount=-700, tax_amount=-100, reverses=charged.id))
    voided = issue(customer, Line(unit_amount=4000), Line(unit_amount=-50, reverses=other.id))
    services.void_invoice(actor=MERCHANT_KEY, invoice_id=voided.id)
    issue(customer, Line(unit_amount=9000))
    make_credit(7500)


def a_charge_that_is_negative() -> None:
    change(first(InvoiceLine.objects, amount__lt=0), reverses=None)


def a_line_taken_back_twice() -> None:
    """What was to be taken back of one line is taken of a smaller one."""
    line = first(InvoiceLine.objects, amount=-800)
    change(line, reverses=first(InvoiceLine.objects, amount=600, invoice__customer=line.invoice.customer))


def a_line_of_somebody_else_taken_back() -> None:
    change(first(InvoiceLine.objects, amount=-800), reverses=first(InvoiceLine.objects, amount__gt=10_000))


def credit_that_nobody_used() -> None:
    change(first(Invoice.objects, status="open", amount=9000), amount_credited=F("amount_credited") - 1)


def credit_that_is_told_as_more() -> None:
    change(first(CreditEntry.objects, amount=7500), balance=7501)


def a_gap_in_somebodys_credit() -> None:
    change(first(CreditEntry.objects, amount=7500), number=2)


def credit_used_for_another_customers_invoice() -> None:
    other = first(CreditEntry.objects, amount=7500).customer
    change(first(Invoice.objects, status="open", amount=9000), customer=other)


def credit_of_which_the_books_say_more() -> None:
    entries = Entry.objects.filter(journal__kind="credit_granted", journal__invoice=None)
    for sign in (1, -1):
        entry = first(entries, amount=7500 * sign)
        change(entry, amount=F("amount") + sign)


def credit_in_the_books_that_nobody_was_given() -> None:
    journal = Journal.objects.create(kind="credit_granted", source="cre_nobody", invoice=None, recorded_at=clock.now())
    for account, amount in (("credits", 5), ("customer_credit", -5)):
        Entry.objects.create(journal=journal, account=account, amount=amount, currency="EUR")


CORRUPTIONS: dict[Callable[[], None], set[str]] = {
    a_charge_that_is_negative: {"lines"},
    a_line_taken_back_twice: {"reversals"},
    a_line_of_somebody_else_taken_back: {"reversals"},
    credit_that_nobody_used: {"amount_credited"},
    credit_that_is_told_as_more: {"credit_balance"},
    a_gap_in_somebodys_credit: {"credit_balance"},
    credit_used_for_another_customers_invoice: {"references"},
    credit_of_which_the_books_say_more: {"credit_books"},
    credit_in_the_books_that_nobody_was_given: {"credit_books"},
}
