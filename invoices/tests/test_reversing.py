"""Lines that take others back: never further than those charge, and what is left over becomes credit."""

import datetime
from typing import Any

import pytest
from django.db import IntegrityError

from config.kernel import clock, db
from config.kernel.money import InvalidMoney
from invoices import services
from invoices.ledger import services as ledger
from invoices.models import CreditEntry, Customer, Invoice, InvoiceLine
from invoices.services import Line
from invoices.tests.factories import MERCHANT_KEY, issue, make_customer, make_invoice
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return make_customer()


def charged(customer: Customer, *lines: Line, currency: str = "EUR") -> list[str]:
    """The ids of the lines of a new invoice."""
    invoice = issue(customer, *lines, currency=currency)
    return list(invoice.lines.order_by("position").values_list("id", flat=True))


def test_an_upgrade_owes_the_difference(customer: Customer) -> None:
    """The unused part of the old plan is taken back on the invoice of the new one, with the periods of both."""
    now = clock.now()
    [old] = charged(customer, Line(unit_amount=1000))
    middle, end = now + datetime.timedelta(days=15), now + datetime.timedelta(days=30)
    invoice = issue(
        customer,
        Line(unit_amount=3000, starts_at=middle, ends_at=end),
        Line(unit_amount=-500, reverses=old, starts_at=middle, ends_at=end),
    )
    assert (invoice.status, invoice.amount, invoice.amount_due) == ("open", 2500, 2500)
    taken = InvoiceLine.objects.get(reverses=old)
    assert (taken.amount, taken.starts_at, taken.ends_at) == (-500, middle, end)
    assert not CreditEntry.objects.exists()
    check_invariants()


def test_a_downgrade_leaves_credit(customer: Customer) -> None:
    """The invoice is over nothing and paid, its last line says where the rest went, and that pays the next one."""
    [old] = charged(customer, Line(unit_amount=3000))
    invoice = issue(customer, Line(unit_amount=300), Line(unit_amount=-1500, reverses=old))
    assert (invoice.status, invoice.amount, invoice.amount_credited) == ("paid", 0, 0)
    carried = invoice.lines.order_by("position").values_list("description", "amount").last()
    assert carried == ("Carried over to your credit balance", 1200)
    entry = CreditEntry.objects.get()
    assert (entry.kind, entry.amount, entry.balance, entry.invoice_id) == ("granted", 1200, 1200, invoice.id)
    following = issue(customer, Line(unit_amount=2000))
    assert (following.amount_credited, following.amount_due) == (1200, 800)
    check_invariants()


def test_an_invoice_over_nothing_is_paid_and_books_nothing(customer: Customer) -> None:
    """A free plan, or a change that costs as much as it gives back."""
    [old] = charged(customer, Line(unit_amount=0), Line(unit_amount=700))[1:]
    before = ledger.balances()
    for lines in ([Line(unit_amount=0)], [Line(unit_amount=700), Line(unit_amount=-700, reverses=old)]):
        invoice = issue(customer, *lines)
        assert (invoice.status, invoice.amount, invoice.paid_at) == ("paid", 0, invoice.created_at)
    assert ledger.balances() == before
    assert not CreditEntry.objects.exists()
    check_invariants()


def test_tax_is_taken_back_with_what_it_was_on(customer: Customer) -> None:
    """More than is charged: the tax office owes it, and the customer has it in credit."""
    [old] = charged(customer, Line(unit_amount=1000, tax_amount=190))
    invoice = issue(customer, Line(unit_amount=-1000, tax_amount=-190, reverses=old))
    assert (invoice.amount, invoice.tax_amount, invoice.status) == (0, -190, "paid")
    found = {account: balance for (account, _), balance in ledger.balances().items()}
    assert found["tax_payable"] == 0
    assert found["revenue"] + found["credits"] == 0
    assert found["customer_credit"] == -1190
    check_invariants()


def test_a_line_is_taken_back_once(customer: Customer) -> None:
    """In as many parts as one likes, on one invoice or several; net and tax each for itself."""
    [old] = charged(customer, Line(unit_amount=1000, tax_amount=190))
    issue(customer, Line(unit_amount=-600, tax_amount=-100, reverses=old))
    for net, tax in ((-401, 0), (-1, -91), (-400, -91), (-200, -91)):
        with pytest.raises(services.ReversesTooMuch, match="490 left to take back, 90 of it tax"):
            issue(customer, Line(unit_amount=net, tax_amount=tax, reverses=old))
    with pytest.raises(services.ReversesTooMuch):
        issue(customer, *(Line(unit_amount=-300, reverses=old) for _ in range(2)))
    issue(customer, *(Line(unit_amount=-200, tax_amount=-45, reverses=old) for _ in range(2)))
    with pytest.raises(services.ReversesTooMuch, match="0 left"):
        issue(customer, Line(unit_amount=-1, reverses=old))
    check_invariants()


def test_only_what_the_customer_was_charged_in_that_currency_is_taken_back(customer: Customer) -> None:
    """Not somebody else's line, not yen for euros, not a reversal, not what is void, not what is not there."""
    [old] = charged(customer, Line(unit_amount=1000))
    [theirs] = charged(make_customer(), Line(unit_amount=1000))
    [yen] = charged(customer, Line(unit_amount=1000), currency="JPY")
    [back, _] = charged(customer, Line(unit_amount=-1, reverses=old), Line(unit_amount=5))
    void = make_invoice(customer_id=customer.id)
    services.void_invoice(actor=MERCHANT_KEY, invoice_id=void.id)
    for line in (theirs, yen, back, void.lines.get().id, "il_01h455vb4pex5vsknk084sn02q"):
        with pytest.raises(services.LineNotReversible, match=line):
            issue(customer, Line(unit_amount=-1, reverses=line))


def test_what_was_taken_back_on_a_void_invoice_can_be_taken_back_again(customer: Customer) -> None:
    """Nobody owes that invoice, nor what it took back."""
    [old] = charged(customer, Line(unit_amount=1000))
    upgrade = issue(customer, Line(unit_amount=3000), Line(unit_amount=-1000, reverses=old))
    services.void_invoice(actor=MERCHANT_KEY, invoice_id=upgrade.id)
    assert issue(customer, Line(unit_amount=3000), Line(unit_amount=-1000, reverses=old)).amount == 2000
    check_invariants()


def test_an_invoice_of_which_something_was_taken_back_is_not_voided(customer: Customer) -> None:
    """It would be given back twice: first the invoice that takes it back has to be void."""
    first = issue(customer, Line(unit_amount=1000))
    upgrade = issue(customer, Line(unit_amount=3000), Line(unit_amount=-1000, reverses=first.lines.get().id))
    with pytest.raises(services.LinesReversed, match=upgrade.id):
        services.void_invoice(actor=MERCHANT_KEY, invoice_id=first.id)
    assert Invoice.objects.get(id=first.id).status == "open"
    for invoice in (upgrade, first):
        services.void_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id)
    assert set(ledger.balances().values()) == {0}
    check_invariants()


def test_a_number_that_is_taken_is_named_to_billing_too(customer: Customer) -> None:
    """By the invoice that has it, and nothing is issued."""
    first = make_invoice(number="2026-1")

    @db.transaction(idempotent=False)
    def bill() -> None:
        new = services.NewInvoice([Line(5)], "EUR", customer.id, number="2026-1")
        services.issue(actor=MERCHANT_KEY, new=new)

    with pytest.raises(services.NumberTaken, match=first.id):
        bill()
    assert Invoice.objects.get() == first


@pytest.mark.parametrize("unit_amount", [10**12, -(10**12)])
def test_amounts_beyond_any_are_refused(customer: Customer, unit_amount: int) -> None:
    """Whichever way they go."""
    [old] = charged(customer, Line(unit_amount=1))
    reverses = old if unit_amount < 0 else None
    with pytest.raises((InvalidMoney, services.ReversesTooMuch)):
        issue(customer, Line(unit_amount=unit_amount, reverses=reverses))


@pytest.mark.parametrize(
    "columns",
    [
        {"unit_amount": -1, "amount": -1},
        {"unit_amount": 5, "tax_amount": -1, "amount": 4},
        {"unit_amount": 0, "amount": 0, "reverses": True},
        {"unit_amount": 5, "amount": 5, "reverses": True},
        {"quantity": 2, "unit_amount": -3, "amount": -5, "reverses": True},
    ],
)
def test_the_database_knows_which_lines_are_negative(customer: Customer, columns: dict[str, Any]) -> None:
    """Those that take another one back, and only those; and their amount is their quantity's."""
    invoice = issue(customer, Line(unit_amount=100))
    reverses = invoice.lines.get() if columns.get("reverses") else None
    with pytest.raises(IntegrityError):
        InvoiceLine.objects.create(invoice=invoice, position=2, **columns | {"reverses": reverses})
