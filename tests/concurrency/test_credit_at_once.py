"""Many at once on one customer's credit, on MariaDB: what there was is applied, and not a cent more."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db.models import Sum

from invoices import services
from invoices.models import CreditEntry, Customer, Invoice, InvoiceLine
from invoices.services import Line
from invoices.tests.factories import MERCHANT_KEY, issue, make_credit, make_customer, make_invoice
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 16


def credited() -> int:
    return Invoice.objects.aggregate(Sum("amount_credited"))["amount_credited__sum"] or 0


@pytest.mark.parametrize("balance", [1500, 16_000, 20_000])
def test_invoices_issued_at_once_are_paid_with_exactly_the_credit_there_is(balance: int) -> None:
    """Half through the API's use case, half through billing's step: sixteen over 1000 each."""
    customer = make_credit(balance).customer
    calls: list[Callable[[], Invoice]] = [
        *[partial(issue, customer, Line(unit_amount=1000))] * (THREADS // 2),
        *[partial(make_invoice, 1000, customer_id=customer.id)] * (THREADS // 2),
    ]
    invoices = all_at_once(calls)
    assert credited() == min(balance, 16_000)
    assert sum(invoice.status == "paid" for invoice in invoices) == min(balance // 1000, THREADS)
    assert dict(customer.credit_balances()).get("EUR", 0) == max(balance - 16_000, 0)
    check_invariants()


def test_granting_revoking_issuing_and_voiding_at_once_end_in_books_that_balance() -> None:
    """Whatever comes first, the balance is the sum of what happened, and never below nothing on the way."""
    customer = make_credit(3000).customer
    open_ones = [make_invoice(4000, customer_id=customer.id) for _ in range(4)]

    def revoke() -> object:
        try:
            return services.revoke_credit(
                actor=MERCHANT_KEY, customer_id=customer.id, amount=700, currency="EUR", reason="", key=None
            )
        except services.NotEnoughCredit:
            return None

    voids = [partial(services.void_invoice, actor=MERCHANT_KEY, invoice_id=each.id) for each in open_ones]
    calls: list[Callable[[], object]] = [
        *voids,
        *[revoke] * 4,
        *[partial(make_credit, 500, customer=customer)] * 4,
        *[partial(issue, customer, Line(unit_amount=900))] * 4,
    ]
    all_at_once(calls)
    entries = CreditEntry.objects.order_by("number")
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert sum(entry.amount for entry in entries) == dict(customer.credit_balances()).get("EUR", 0)
    check_invariants()


def test_a_line_is_taken_back_once_by_sixteen_at_once() -> None:
    """Of 1000, each wants 300: three get it."""
    customer = make_customer()
    line = issue(customer, Line(unit_amount=1000)).lines.get().id

    def take_back(customer: Customer) -> bool:
        try:
            issue(customer, Line(unit_amount=-300, reverses=line))
        except services.ReversesTooMuch:
            return False
        return True

    assert sum(all_at_once([partial(take_back, customer)] * THREADS)) == 3
    assert InvoiceLine.objects.filter(reverses=line).count() == 3
    assert dict(customer.credit_balances()) == {"EUR": 900}
    check_invariants()


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.long)])
def test_voiding_beside_taking_back_ends_with_one_of_them(rounds: int) -> None:
    """What is void is not taken back, and what is taken back is not voided."""
    for _ in range(rounds):
        customer = make_customer()
        invoice = issue(customer, Line(unit_amount=1000))
        line = invoice.lines.get().id

        def void(id: str = invoice.id) -> str:
            try:
                services.void_invoice(actor=MERCHANT_KEY, invoice_id=id)
            except services.LinesReversed:
                return "refused"
            return "done"

        def take_back(customer: Customer = customer, line: str = line) -> str:
            try:
                issue(customer, Line(unit_amount=-300, reverses=line))
            except services.LineNotReversible:
                return "refused"
            return "done"

        calls: list[Callable[[], str]] = [void, take_back]
        assert sorted(all_at_once(calls)) == ["done", "refused"]
    check_invariants()
