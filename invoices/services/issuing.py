"""Invoices come into being here, with their lines and the journal that says somebody owes us."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError
from django.db.models import OuterRef, Subquery

from config.api.idempotency import Created, IdempotencyKey, find_earlier, insert_once, key_fields
from config.api.principals import Principal
from config.kernel import clock, db, money
from config.kernel.errors import Conflict, FieldError, Invalid
from config.kernel.fields import by_id
from config.kernel.prepared import Select
from invoices import events
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import CreditEntry, Customer, Invoice, InvoiceLine
from invoices.services import credit, reversing
from invoices.services.customers import lock_customer
from invoices.services.lines import Line, NewInvoice
from invoices.services.retry_policy import RetryPolicy
from outbox import services as outbox
from outbox.states import advance

CARRIED_OVER = "Carried over to your credit balance"

_locked_by_order = Select(Invoice.objects.select_for_update(), "owner", "order_id")


class NumberTaken(Conflict):
    """There already is an invoice with the number {number}: {invoice_id}."""

    code = "number_taken"


class OrderAmountDiffers(Conflict):
    """Order {order_id} has the invoice {invoice_id} over {amount} {currency} (minor units), and only that amount."""

    code = "order_amount_differs"


def create_invoice(*, actor: Principal, new: NewInvoice, key: IdempotencyKey | None) -> Created[Invoice]:
    """A new open invoice, or the one an earlier request with the same key made. Its lines only charge.

    The customer's credit pays it as far as it goes; nothing due, it is paid at once. Raises InvalidMoney, Invalid
    (unknown customer), NumberTaken, IdempotencyKeyReused.
    """
    return find_earlier(Invoice, key) or _create_invoice(actor=actor, new=new, key=key)


@db.transaction(idempotent=lambda *, key, **_: key is not None)
def _create_invoice(*, actor: Principal, new: NewInvoice, key: IdempotencyKey | None) -> Created[Invoice]:
    _check_charges(new)
    customer = _with_credit(new)
    try:
        created = insert_once(Invoice, key, lambda: _insert(new=new, actor=actor, key=key, customer=customer))
    except IntegrityError:
        _raise_if_number_taken(new.number)
        raise
    if created.is_new and customer is not None:
        credit.apply_credit(customer=customer, invoice=created.row, actor=actor)
    return created


def issue(*, actor: Principal, new: NewInvoice, customer: Customer | None = None) -> Invoice:
    """Requires a transaction; locks the customer that `new` names, which the caller may pass if it has locked it.

    Lines may take back others of theirs. What they take back beyond what they charge becomes the customer's credit, and
    a last line carries it over, so that the amount is zero. Credit from before pays the invoice as far as it goes;
    nothing due, it is paid at once. Raises InvalidMoney, CustomerNotFound, NumberTaken, LineNotReversible,
    ReversesTooMuch.
    """
    db.require_transaction()
    assert new.customer_id is not None
    customer = customer or lock_customer(new.customer_id)
    assert customer.id == new.customer_id, (customer.id, new.customer_id)
    reversing.check(customer=customer, currency=new.currency, lines=new.lines)
    surplus = -new.amount
    if surplus > 0:
        balancing = Line(unit_amount=surplus, description=CARRIED_OVER)
        new = dataclasses.replace(new, lines=[*new.lines, balancing])
    _check(new, least=0)
    try:
        with db.one_insert():
            invoice = _insert(new=new, actor=actor, key=None, customer=customer)
    except IntegrityError:
        _raise_if_number_taken(new.number)
        raise
    credit.apply_credit(customer=customer, invoice=invoice, actor=actor)
    if surplus > 0:
        credit.give_credit(
            customer=customer, amount=surplus, currency=new.currency, actor=actor, reason=CARRIED_OVER, invoice=invoice
        )
    return invoice


def issue_for_order(*, actor: Principal, new: NewInvoice) -> Invoice:
    """Requires a transaction. The locked invoice of `new.order_id`, issued if new. Raises OrderAmountDiffers."""
    db.require_transaction()
    assert new.order_id is not None
    invoice = _locked_by_order.one(actor.owner, new.order_id)
    if invoice is None:
        _check_charges(new)
        try:
            with db.one_insert():
                invoice = _insert(new=new, actor=actor, key=None, customer=None)
        except IntegrityError:
            invoice = _locked_by_order.one(actor.owner, new.order_id)
            if invoice is None:
                raise
    if (invoice.amount, invoice.currency) != (new.amount, new.currency):
        raise OrderAmountDiffers(
            order_id=new.order_id, invoice_id=invoice.id, amount=invoice.amount, currency=invoice.currency
        )
    return invoice


def _check_charges(new: NewInvoice) -> None:
    assert all(line.reverses is None for line in new.lines), new.lines
    _check(new, least=1)


def _check(new: NewInvoice, *, least: int) -> None:
    money.check_currency(new.currency)
    money.check_amount(new.amount, field="lines" if len(new.lines) > 1 else "amount", least=least)
    for line in new.lines:
        money.check_amount(abs(line.amount), field="lines", least=0)
        assert (line.amount < 0) == (line.reverses is not None), line


def _with_credit(new: NewInvoice) -> Customer | None:
    """The invoice's customer under its lock, if there is credit of theirs in this currency. Raises Invalid.

    A customer without any is not locked: their invoices do not wait for one another.
    """
    if not new.customer_id:
        return None
    latest = CreditEntry.objects.filter(customer=OuterRef("pk"), currency=new.currency).order_by("-number")
    seen: Any = by_id(Customer.objects.annotate(credit=Subquery(latest.values("balance")[:1])), new.customer_id)
    if seen is None:
        raise Invalid(errors=(FieldError("customer", "not_found", "Send the id of an existing customer, cus_…"),))
    return lock_customer(seen.id) if seen.credit else None


def _build(*, actor: Principal, new: NewInvoice, key: IdempotencyKey | None, balance: int) -> Invoice:
    return Invoice(
        owner=actor.owner,
        number=new.number,
        order_id=new.order_id,
        customer_id=new.customer_id,
        description=new.description,
        due_on=new.due_on,
        metadata=new.metadata,
        amount=new.amount,
        tax_amount=new.tax_amount,
        amount_credited=min(balance, new.amount),
        currency=new.currency,
        retry_policy=(new.retry_policy or RetryPolicy.default()).to_json(),
        created_at=clock.now(),
        **key_fields(key),
    )


def _insert(*, new: NewInvoice, actor: Principal, key: IdempotencyKey | None, customer: Customer | None) -> Invoice:
    """`customer` is locked, and pays with what credit there is; None where that is none. Writes once for now."""
    balance = credit.credit_balance(customer=customer, currency=new.currency) if customer else 0
    invoice = _build(actor=actor, new=new, key=key, balance=balance)
    outbox.record(source=invoice, event=events.of_invoice(events.InvoiceCreated, invoice), actor=actor)
    if invoice.amount_due == 0:
        invoice.paid_at = invoice.created_at
        advance(invoice, "pay")
        outbox.record(source=invoice, event=events.of_invoice(events.InvoicePaid, invoice), actor=actor)
    invoice.save(force_insert=True)
    _add_lines(invoice, new.lines)
    ledger.post_entries(
        kind=JournalKind.INVOICE_ISSUED,
        source=invoice.id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        entries={
            accounts.RECEIVABLE: invoice.amount,
            accounts.REVENUE: invoice.tax_amount - invoice.amount,
            accounts.TAX_PAYABLE: -invoice.tax_amount,
        },
    )
    return invoice


def _add_lines(invoice: Invoice, lines: Sequence[Line]) -> None:
    for position, line in enumerate(lines, start=1):
        db.insert_before_commit(
            InvoiceLine(
                invoice=invoice,
                position=position,
                description=line.description,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                tax_amount=line.tax_amount,
                amount=line.amount,
                starts_at=line.starts_at,
                ends_at=line.ends_at,
                reverses_id=line.reverses,
            )
        )


def _raise_if_number_taken(number: str | None) -> None:
    invoice_id = number and Invoice.objects.filter(number=number).values_list("id", flat=True).first()
    if invoice_id:
        raise NumberTaken(number=number, invoice_id=invoice_id)
