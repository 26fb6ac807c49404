"""A customer's credit: granted, applied to invoices, given back when they are voided, never below nothing."""

import dataclasses

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from config.api.idempotency import IdempotencyKey, IdempotencyKeyReused
from config.kernel import db
from config.kernel.errors import ForbiddenTransition
from config.kernel.money import InvalidMoney
from invoices import services
from invoices.ledger import services as ledger
from invoices.models import CreditEntry, Customer, Invoice
from invoices.tests.factories import MERCHANT_KEY, issue, make_credit, make_customer, make_invoice
from outbox.models import OutboxEvent
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
KEY = IdempotencyKey(owner="merchant", operation="customers.credits.create", digest="d" * 64, fingerprint="v1:a")


def balances(customer: Customer) -> dict[str, int]:
    return dict(customer.credit_balances())


def told(customer: Customer) -> list[tuple[str, int, int]]:
    """Type, amount and balance of the events of a customer's credit, in their order."""
    events = OutboxEvent.objects.filter(aggregate_id=customer.id, type__startswith="credit.").order_by("sequence")
    return [(event.type, event.data["amount"], event.data["balance"]) for event in events]


def test_credit_pays_the_next_invoices_as_far_as_it_goes() -> None:
    """The first whole, the second in part, and only those in its currency."""
    customer = make_credit(1500).customer
    first, yen, second, third = (
        make_invoice(1000, currency, customer_id=customer.id) for currency in ("EUR", "JPY", "EUR", "EUR")
    )
    assert (first.status, first.amount_credited, first.amount_due) == ("paid", 1000, 0)
    assert (yen.status, yen.amount_credited, yen.amount_due) == ("open", 0, 1000)
    assert (second.status, second.amount_credited, second.amount_due) == ("open", 500, 500)
    assert (third.status, third.amount_credited, third.amount_due) == ("open", 0, 1000)
    assert balances(customer) == {}
    assert told(customer) == [
        ("credit.granted", 1500, 1500),
        ("credit.applied", -1000, 500),
        ("credit.applied", -500, 0),
    ]
    assert ledger.balances()["receivable", "EUR"] == 1500
    assert ledger.balances()["customer_credit", "EUR"] == 0
    check_invariants()


def test_an_invoice_with_nothing_due_is_paid_at_once() -> None:
    """By whoever issued it, and it says when."""
    customer = make_credit(1000).customer
    invoice = make_invoice(1000, customer_id=customer.id)
    stored = Invoice.objects.get()
    assert stored.paid_at == invoice.created_at
    events = OutboxEvent.objects.filter(aggregate_id=invoice.id).order_by("sequence")
    assert [(event.type, event.actor) for event in events] == [
        ("invoice.created", MERCHANT_KEY.actor),
        ("invoice.paid", MERCHANT_KEY.actor),
    ]
    assert [(event.data["status"], event.data["amount_due"]) for event in events] == [("open", 0), ("paid", 0)]
    with pytest.raises(ForbiddenTransition):
        services.void_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id)


def test_voiding_gives_applied_credit_back() -> None:
    """Nobody owes anything, no revenue is left, and the credit pays the next invoice."""
    customer = make_credit(300).customer
    invoice = make_invoice(lines=[services.Line(unit_amount=1000, tax_amount=190)], customer_id=customer.id)
    assert balances(customer) == {}
    voided = services.void_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, reason="typo")
    assert (voided.status, voided.amount_credited, voided.amount_due) == ("void", 0, 0)
    assert balances(customer) == {"EUR": 300}
    assert told(customer)[-1] == ("credit.returned", 300, 300)
    assert CreditEntry.objects.get(kind="returned").reason == "typo"
    accounts = {account: balance for (account, _), balance in ledger.balances().items() if balance}
    assert accounts == {"credits": 300, "customer_credit": -300}
    assert make_invoice(200, customer_id=customer.id).status == "paid"
    check_invariants()


def test_credit_that_was_applied_is_not_refunded_as_money() -> None:
    """Of an invoice over 1000 with 300 in credit, 700 can be paid, and only 700 go back."""
    customer = make_credit(300).customer
    invoice = make_invoice(1000, customer_id=customer.id)

    @db.transaction(idempotent=False)
    def pay_and_refund(amount: int) -> None:
        locked = services.lock_invoice(invoice.id)
        services.apply_money(invoice=locked, receipt_id="rct_1", amount=locked.amount_due, actor=MERCHANT_KEY)
        services.refund_money(invoice=locked, refund_id="re_1", amount=amount, holder="bank")

    with pytest.raises(IntegrityError):
        pay_and_refund(701)
    pay_and_refund(700)
    stored = Invoice.objects.get()
    assert (stored.status, stored.amount_paid, stored.amount_credited, stored.amount_refunded) == (
        "paid",
        700,
        300,
        700,
    )


def test_no_more_is_revoked_than_there_is() -> None:
    """In that currency; what is refused changes nothing."""
    customer = make_credit(500).customer
    make_credit(900, "USD", customer)

    def revoke(amount: int) -> None:
        services.revoke_credit(
            actor=MERCHANT_KEY, customer_id=customer.id, amount=amount, currency="EUR", reason="typo", key=None
        )

    with pytest.raises(services.NotEnoughCredit, match="500 EUR"):
        revoke(501)
    revoke(500)
    with pytest.raises(services.NotEnoughCredit, match="0 EUR"):
        revoke(1)
    assert balances(customer) == {"USD": 900}
    assert ledger.balances()["credits", "EUR"] == 0
    check_invariants()


def test_the_same_key_grants_once() -> None:
    """Also for somebody else's customer: another input is a conflict that names the entry."""
    customer = make_customer()

    def grant(key: IdempotencyKey, to: Customer = customer) -> str:
        granted = services.grant_credit(
            actor=MERCHANT_KEY, customer_id=to.id, amount=5, currency="EUR", reason="", key=key
        )
        return granted.row.id

    first = grant(KEY)
    assert grant(KEY) == first
    with pytest.raises(IdempotencyKeyReused, match=first):
        grant(dataclasses.replace(KEY, fingerprint="v1:b"), to=make_customer())
    assert balances(customer) == {"EUR": 5}


@pytest.mark.parametrize(("amount", "currency"), [(0, "EUR"), (-5, "EUR"), (5, "ZZZ"), (10**12, "EUR")])
def test_credit_is_an_amount_of_money(amount: int, currency: str) -> None:
    """Anything else stores nothing."""
    with pytest.raises(InvalidMoney):
        make_credit(amount, currency)
    assert not CreditEntry.objects.exists()


def test_somebody_unknown_is_granted_nothing() -> None:
    """By an id that is nobody's, and by text that is no id."""
    for customer_id in ("cus_nonsense", "cus_01h455vb4pex5vsknk084sn02q"):
        with pytest.raises(services.CustomerNotFound, match=customer_id):
            services.grant_credit(
                actor=MERCHANT_KEY, customer_id=customer_id, amount=5, currency="EUR", reason="", key=None
            )


@pytest.mark.parametrize(
    ("credit", "expected"), [(None, 6), (1000, 11), (500, 11)], ids=["none", "all of it", "a part of it"]
)
def test_issuing_for_a_customer_takes_few_statements(credit: int | None, expected: int) -> None:
    """Customer; with credit its lock, what there is (twice), entry, customer, and the same five as for nobody, whose
    rows of a kind go together.
    """
    customer = make_credit(credit).customer if credit else make_customer()
    with CaptureQueriesContext(connection) as captured:
        make_invoice(1000, customer_id=customer.id)
    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == expected, statements


def test_a_customer_whose_credit_is_used_up_costs_no_more_than_one_without() -> None:
    """Nor is it locked: its invoices do not wait for one another."""
    customer = make_credit(1000).customer
    make_invoice(1000, customer_id=customer.id)
    with CaptureQueriesContext(connection) as captured:
        make_invoice(1000, customer_id=customer.id)
    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 6, statements
    assert not [sql for sql in statements if "FOR UPDATE" in sql]


def test_steps_without_a_transaction_do_nothing() -> None:
    """Half of them would stay."""
    customer = make_customer()
    with pytest.raises(db.NotInTransaction):
        services.give_credit(customer=customer, amount=5, currency="EUR", actor=MERCHANT_KEY)
    with pytest.raises(db.NotInTransaction):
        services.lock_customer(customer.id)
    with pytest.raises(db.NotInTransaction):
        services.issue(actor=MERCHANT_KEY, new=services.NewInvoice([services.Line(5)], "EUR", customer.id))
    assert not CreditEntry.objects.exists()
    assert not Invoice.objects.exists()


def test_a_customer_that_the_caller_has_locked_keeps_its_events_in_order() -> None:
    """Billing says what it does to the customer before and after it issues: the numbers are in its object."""
    customer_id = make_credit(100).customer_id

    @db.transaction(idempotent=False)
    def bill() -> Invoice:
        customer = services.lock_customer(customer_id)
        services.give_credit(customer=customer, amount=50, currency="EUR", actor=MERCHANT_KEY)
        new = services.NewInvoice([services.Line(500)], "EUR", customer_id)
        invoice = services.issue(actor=MERCHANT_KEY, new=new, customer=customer)
        services.give_credit(customer=customer, amount=7, currency="EUR", actor=MERCHANT_KEY)
        return invoice

    assert bill().amount_credited == 150
    assert [balance for _, _, balance in told(Customer.objects.get())] == [100, 150, 0, 7]
    check_invariants()


def test_the_database_keeps_a_balance_above_nothing() -> None:
    """Whoever writes it."""
    entry = make_credit(5)
    with pytest.raises(DatabaseError):
        CreditEntry.objects.create(
            customer=entry.customer,
            kind="revoked",
            amount=-6,
            currency="EUR",
            number=2,
            balance=-1,
            actor="a",
            created_at=entry.created_at,
        )


def test_the_database_lets_no_invoice_be_paid_with_more_than_it_is_over() -> None:
    """Credit and money together."""
    invoice = issue(make_customer(), services.Line(unit_amount=3))
    with pytest.raises(IntegrityError):
        Invoice.objects.filter(id=invoice.id).update(amount_credited=2, amount_paid=2)
