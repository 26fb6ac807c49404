"""What others call an invoice: its number, one for all, and the order it is for, one for each owner."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection

from config.api.principals import Principal
from config.kernel import db
from config.kernel.money import InvalidMoney
from invoices import services
from invoices.models import Invoice
from invoices.services import Line, NewInvoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice

pytestmark = pytest.mark.django_db
ORDER = NewInvoice(lines=[Line(unit_amount=500)], currency="EUR", order_id="order-1")


@db.transaction(idempotent=False)
def order(actor: Principal = MERCHANT_KEY, new: NewInvoice = ORDER) -> Invoice:
    return services.issue_for_order(actor=actor, new=new)


def test_a_currency_nobody_knows_is_refused() -> None:
    """Services check what serializers may have let through."""
    with pytest.raises(InvalidMoney):
        make_invoice(currency="XQQ")
    assert not Invoice.objects.exists()


def test_who_takes_a_number_again_is_told_whose_it_is() -> None:
    """Not just any invoice's."""
    make_invoice(number="INV-0")
    taken = make_invoice(number="INV-1")
    with pytest.raises(services.NumberTaken) as refused:
        make_invoice(number="INV-1")
    assert refused.value.attributes == {"number": "INV-1", "invoice_id": taken.id}


def test_what_is_taken_beside_a_number_is_not_called_one() -> None:
    """An order that has its invoice is no number, though neither invoice has one."""
    order()
    with pytest.raises(IntegrityError):
        services.create_invoice(actor=MERCHANT_KEY, new=ORDER, key=None)


def test_an_order_has_one_invoice_for_each_owner() -> None:
    """The same text is another customer's order."""
    customer = Principal(kind="customer", id="cus_1", scopes=frozenset())
    first = order()
    assert order() == first
    assert order(customer) != first
    assert set(Invoice.objects.values_list("owner", "order_id")) == {
        (MERCHANT_KEY.owner, "order-1"),
        (customer.owner, "order-1"),
    }


@pytest.mark.parametrize(
    "other",
    [
        NewInvoice(lines=[Line(unit_amount=501)], currency="EUR", order_id="order-1"),
        NewInvoice(lines=[Line(unit_amount=500)], currency="USD", order_id="order-1"),
    ],
    ids=["amount", "currency"],
)
def test_an_order_keeps_its_amount_and_currency(other: NewInvoice) -> None:
    """The refusal says what the order's invoice is over."""
    first = order()
    with pytest.raises(services.OrderAmountDiffers) as refused:
        order(new=other)
    told = {"order_id": "order-1", "invoice_id": first.id, "amount": 500, "currency": "EUR"}
    assert refused.value.attributes == told


@pytest.mark.parametrize("known", [False, True])
def test_an_order_is_issued_in_its_callers_transaction(known: bool) -> None:
    """It locks what it finds, which outside of one would lock nothing."""
    if known:
        order()
    with pytest.raises(db.NotInTransaction):
        services.issue_for_order(actor=MERCHANT_KEY, new=ORDER)
    assert Invoice.objects.count() == known


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite lets one write after the other")
def test_an_order_that_somebody_issues_at_this_moment_is_that_invoice() -> None:
    """We have looked and found none, and they commit just before our insert."""
    theirs: list[Invoice] = []

    def they_are_first(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        if sql.startswith("INSERT INTO `invoices_invoice`") and not theirs:
            other = threading.Thread(target=lambda: theirs.append(in_a_connection_of_its_own(order)))
            other.start()
            other.join()
        return execute(sql, *more)

    with connection.execute_wrapper(they_are_first):
        assert order() == theirs[0]
    assert Invoice.objects.count() == 1


def in_a_connection_of_its_own(use_case: Callable[[], Invoice]) -> Invoice:
    try:
        return use_case()
    finally:
        connection.close()
