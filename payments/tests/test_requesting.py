"""Asking for money."""

import dataclasses
import hashlib

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.api.idempotency import Created, IdempotencyKey, IdempotencyKeyReused
from config.kernel import correlation, db
from invoices.models import Invoice
from invoices.services import InvoiceNotFound, Line, NewInvoice, OrderAmountDiffers, void_invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment
from payments.providers.base import Declined
from payments.providers.registry import UnknownProvider
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import make_key, make_payment
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
TERMS = services.PaymentTerms(provider="simulated", payment_method="tok_visa")


def test_paying_creates_one_unsent_payment_and_puts_the_invoice_to_work() -> None:
    """Nothing has been sent: the payment is created, the invoice processing, both in the invoice's log."""
    invoice = make_invoice(1250)
    created = services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=TERMS, key=make_key())
    payment = Payment.objects.get(id=created.row.id)
    assert created.is_new
    assert (payment.status, payment.amount, payment.attempt) == ("created", 1250, 1)
    assert payment.live_invoice_id == invoice.id
    stored = Invoice.objects.get(id=invoice.id)
    assert stored.status == "processing"
    log = OutboxEvent.objects.filter(aggregate_id=invoice.id).order_by("sequence")
    assert list(log.values_list("sequence", "type")) == [
        (1, "invoice.created"),
        (2, "payment.requested"),
        (3, "invoice.processing"),
    ]
    assert stored.event_sequence == 3


def test_the_same_key_gives_the_same_payment_as_it_is_now() -> None:
    """The key is looked up before the state is checked: a replay on a processing invoice is no conflict."""
    invoice, key = make_invoice(), make_key()
    first = services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=TERMS, key=key)
    second = services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=TERMS, key=key)
    assert (second.row.id, second.is_new) == (first.row.id, False)
    assert Payment.objects.count() == 1


def test_what_is_logged_of_a_repetition_names_the_payment_like_the_first() -> None:
    """Whoever looks for a payment in the log finds every request that asked for it."""
    invoice, key = make_invoice(), make_key()
    for _ in range(2):
        with correlation.bind("checkout-7"):
            payment = services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=TERMS, key=key).row
            assert correlation.fields() == {"payment_id": payment.id, "invoice_id": invoice.id}


def test_a_key_with_other_input_names_what_it_was_used_for() -> None:
    """Also on another invoice: keys are unique per owner and operation."""
    key = make_key()
    first = services.pay_invoice(actor=MERCHANT_KEY, invoice_id=make_invoice().id, terms=TERMS, key=key)
    other = dataclasses.replace(key, fingerprint="v1:other")
    with pytest.raises(IdempotencyKeyReused, match=first.row.id):
        services.pay_invoice(actor=MERCHANT_KEY, invoice_id=make_invoice().id, terms=TERMS, key=other)
    assert Payment.objects.count() == 1


def test_scar_mariadb_keys_differ_by_case_and_trailing_blanks() -> None:
    """Digests are compared, so the database's collation merges nothing."""
    keys = [idempotency_digest(text) for text in ("KeyA", "keya", "KeyA ")]
    for digest in keys:
        key = dataclasses.replace(make_key(), digest=digest)
        created = services.pay_invoice(actor=MERCHANT_KEY, invoice_id=make_invoice().id, terms=TERMS, key=key)
        assert created.is_new


def test_scar_saleor_12491_a_second_attempt_beside_a_live_one_is_told_which() -> None:
    """One live payment per invoice."""
    payment = make_payment()
    with pytest.raises(services.PaymentAlreadyLive, match=f"processing status: payment {payment.id}"):
        make_payment(invoice=payment.invoice)


@pytest.mark.parametrize("status", ["paid", "void"])
def test_a_closed_invoice_cannot_be_paid(status: str) -> None:
    """A sentence says why."""
    if status == "void":
        invoice = void_invoice(actor=MERCHANT_KEY, invoice_id=make_invoice().id)
    else:
        payment = make_payment(provider="manual")
        services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id)
        invoice = payment.invoice
    with pytest.raises(services.InvoiceNotPayable, match=f"Cannot pay invoice {invoice.id} in {status} status"):
        make_payment(invoice=invoice)


def test_an_unknown_invoice_or_provider_stores_nothing() -> None:
    """The right error, and no row."""
    with pytest.raises(InvoiceNotFound):
        services.pay_invoice(actor=MERCHANT_KEY, invoice_id="inv_nonsense", terms=TERMS, key=make_key())
    with pytest.raises(UnknownProvider):
        make_payment(provider="nobody")
    assert Payment.objects.count() == 0


@pytest.mark.parametrize(("amount", "currency"), [(1249, "EUR"), (1250, "USD")])
def test_an_invoice_is_paid_whole_or_not_at_all(amount: int, currency: str) -> None:
    """An amount that is sent must be what is due."""
    with pytest.raises(services.AmountDiffers, match="1250 EUR due"):
        services.pay_invoice(
            actor=MERCHANT_KEY,
            invoice_id=make_invoice(1250).id,
            terms=TERMS,
            key=make_key(),
            amount=amount,
            currency=currency,
        )


def order(amount: int = 700, order_id: str = "order-1") -> NewInvoice:
    return NewInvoice(lines=[Line(unit_amount=amount)], currency="EUR", order_id=order_id)


def pay_order(new: NewInvoice, key: IdempotencyKey | None = None) -> Created[Payment]:
    return services.pay_order(
        actor=MERCHANT_KEY, new=new, terms=TERMS, key=key or make_key(operation="payments.create")
    )


def test_an_order_is_invoiced_by_its_first_payment() -> None:
    """A decline later, another key pays the same invoice."""
    first = pay_order(order()).row
    decline(first)
    second = pay_order(order()).row
    assert second.invoice_id == first.invoice_id
    assert second.attempt == 2
    check_invariants()


def test_an_order_has_one_amount() -> None:
    """Another amount is a conflict that names the invoice."""
    first = pay_order(order(700)).row
    with pytest.raises(OrderAmountDiffers, match=first.invoice_id):
        pay_order(order(701))


def test_an_order_key_replays_before_anything_else_is_looked_at() -> None:
    """The same request again is the same payment."""
    key = make_key(operation="payments.create")
    first, second = pay_order(order(), key), pay_order(order(), key)
    assert (second.row.id, second.is_new) == (first.row.id, False)


def test_orders_that_differ_by_case_are_different_orders() -> None:
    """Identifiers that others choose are compared byte by byte."""
    assert pay_order(order(order_id="Order-1")).row.invoice_id != pay_order(order(order_id="order-1")).row.invoice_id


def test_paying_takes_five_statements() -> None:
    """Lock, key, insert, the invoice, its events; one more than that is a regression. Savepoints are not counted."""
    invoice, key = make_invoice(), make_key()
    with CaptureQueriesContext(connection) as captured:
        services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=TERMS, key=key)
    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 5, statements


@db.transaction(idempotent=False)
def decline(payment: Payment) -> None:
    invoice, locked = lock(payment.id)
    outcome = Declined(code="insufficient_funds", retryable=True)
    apply_outcome(invoice=invoice, payment=locked, outcome=outcome, actor=MERCHANT_KEY)


def idempotency_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
