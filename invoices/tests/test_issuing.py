"""Invoices and customers come into being, once, with their books."""

import dataclasses

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from config.api.idempotency import IdempotencyKey, IdempotencyKeyReused
from config.kernel import db
from config.kernel.errors import ForbiddenTransition, Invalid
from config.kernel.money import MAX_AMOUNT, InvalidMoney
from invoices import services
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import Customer, Invoice, InvoiceLine
from invoices.tests.factories import MERCHANT_KEY, make_customer, make_invoice
from outbox.models import OutboxEvent
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
KEY = IdempotencyKey(owner="merchant", operation="invoices.create", digest="d" * 64, fingerprint="v1:a")
NEW = services.NewInvoice(
    lines=[services.Line(unit_amount=500, quantity=2), services.Line(unit_amount=1)], currency="EUR"
)


def test_an_invoice_is_issued_with_lines_books_and_event() -> None:
    """The lines add up, somebody owes us, the log begins."""
    invoice = services.create_invoice(actor=MERCHANT_KEY, new=NEW, key=None).row
    stored = Invoice.objects.get(id=invoice.id)
    assert (stored.status, stored.amount, stored.amount_due, stored.owner) == ("open", 1001, 1001, "merchant")
    assert list(InvoiceLine.objects.order_by("position").values_list("position", "amount")) == [(1, 1000), (2, 1)]
    assert ledger.balances() == {("receivable", "EUR"): 1001, ("revenue", "EUR"): -1001}
    assert OutboxEvent.objects.get().data["amount_due"] == 1001
    check_invariants()


def test_issuing_takes_five_statements() -> None:
    """Invoice, lines, journal, entries, event; the key costs one more. Savepoints are not counted."""
    for key, expected in ((None, 5), (KEY, 6)):
        with CaptureQueriesContext(connection) as captured:
            services.create_invoice(actor=MERCHANT_KEY, new=NEW, key=key)
        statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
        assert len(statements) == expected, statements


def test_the_same_key_gives_the_same_invoice() -> None:
    """With other input it is a conflict that names the invoice."""
    first = services.create_invoice(actor=MERCHANT_KEY, new=NEW, key=KEY)
    second = services.create_invoice(actor=MERCHANT_KEY, new=NEW, key=KEY)
    assert (second.row.id, second.is_new) == (first.row.id, False)
    with pytest.raises(IdempotencyKeyReused, match=first.row.id):
        services.create_invoice(actor=MERCHANT_KEY, new=NEW, key=dataclasses.replace(KEY, fingerprint="v1:b"))
    assert Invoice.objects.count() == 1


def test_a_number_is_taken_once_and_compared_exactly() -> None:
    """INV-1 is not inv-1, nor "INV-1 "."""
    for number in ("INV-1", "inv-1", "INV-1 "):
        make_invoice(number=number)
    with pytest.raises(services.NumberTaken, match="INV-1"):
        make_invoice(number="INV-1")
    assert Invoice.objects.filter(number="INV-1").count() == 1


@pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1])
def test_an_impossible_amount_stores_nothing(amount: int) -> None:
    """Services check what serializers may have let through."""
    with pytest.raises(InvalidMoney):
        make_invoice(amount)
    assert not Invoice.objects.exists()
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize("customer_id", ["cus_nonsense", "cus_01h455vb4pex5vsknk084sn02q"])
def test_an_unknown_customer_is_named(customer_id: str) -> None:
    """Text that is no id and an id that is nobody's alike."""
    with pytest.raises(Invalid) as caught:
        make_invoice(customer_id=customer_id)
    assert caught.value.errors[0].field == "customer"


def test_voiding_reverses_the_books() -> None:
    """Nothing is due any more, and a second void is refused in a sentence."""
    invoice = services.void_invoice(actor=MERCHANT_KEY, invoice_id=make_invoice(300).id, reason="typo")
    assert (invoice.status, invoice.amount_due) == ("void", 0)
    assert ledger.balances() == {("receivable", "EUR"): 0, ("revenue", "EUR"): 0}
    assert OutboxEvent.objects.get(type="invoice.voided").reason == "typo"
    with pytest.raises(ForbiddenTransition, match="Cannot void invoice in void status"):
        services.void_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id)
    check_invariants()


def test_a_status_that_nobody_knows_is_refused_by_the_database() -> None:
    """`queryset.update` passes the machine by; the constraint stands behind it."""
    invoice = make_invoice()
    with pytest.raises(IntegrityError):
        Invoice.objects.filter(id=invoice.id).update(status="paid")


def test_a_journal_must_balance() -> None:
    """A bug in a caller is stopped before it is written."""
    invoice = make_invoice()

    @db.transaction(idempotent=False)
    def post() -> None:
        ledger.post_entries(
            kind=JournalKind.CAPTURE, source="rct_1", invoice_id=invoice.id, currency="EUR", entries={"a": 1, "b": -2}
        )

    with pytest.raises(ledger.Unbalanced):
        post()


def test_a_customer_is_created_and_changed_with_events() -> None:
    """Only what is sent changes."""
    customer = make_customer(name="Ada", email="ada@example.com")
    services.update_customer(actor=MERCHANT_KEY, customer_id=customer.id, changes={"name": "Ada L."})
    stored = Customer.objects.get(id=customer.id)
    assert (stored.name, stored.email, stored.event_sequence) == ("Ada L.", "ada@example.com", 2)
    with pytest.raises(services.CustomerNotFound):
        services.update_customer(actor=MERCHANT_KEY, customer_id="cus_nonsense", changes={})
    check_invariants()
