"""Invoices come into being here, with their lines and the journal that says somebody owes us."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError

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
from invoices.models import Customer, Invoice, InvoiceLine
from invoices.services.retry_policy import RetryPolicy
from outbox import services as outbox

_locked_by_order = Select(Invoice.objects.select_for_update(), "owner", "order_id")


@dataclasses.dataclass(frozen=True)
class Line:
    """`quantity` things at `unit_amount` minor units each, and `tax_amount` on top for all of them."""

    unit_amount: int
    quantity: int = 1
    description: str = ""
    tax_amount: int = 0

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_amount + self.tax_amount


@dataclasses.dataclass(frozen=True)
class NewInvoice:
    """What to issue. The amount is the sum of the lines, of which there is at least one.

    Without a `retry_policy` it gets that of the settings.
    """

    lines: Sequence[Line]
    currency: str
    customer_id: str | None = None
    number: str | None = None
    order_id: str | None = None
    description: str = ""
    due_on: datetime.date | None = None
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    retry_policy: RetryPolicy | None = None

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def tax_amount(self) -> int:
        return sum(line.tax_amount for line in self.lines)


class NumberTaken(Conflict):
    """There already is an invoice with the number {number}: {invoice_id}."""

    code = "number_taken"


class OrderAmountDiffers(Conflict):
    """Order {order_id} has the invoice {invoice_id} over {amount} {currency} (minor units), and only that amount."""

    code = "order_amount_differs"


def create_invoice(*, actor: Principal, new: NewInvoice, key: IdempotencyKey | None) -> Created[Invoice]:
    """A new open invoice, or the one an earlier request with the same key made.

    Raises InvalidMoney, Invalid (unknown customer), NumberTaken, IdempotencyKeyReused.
    """
    return find_earlier(Invoice, key) or _create_invoice(actor=actor, new=new, key=key)


@db.transaction(idempotent=lambda *, key, **_: key is not None)
def _create_invoice(*, actor: Principal, new: NewInvoice, key: IdempotencyKey | None) -> Created[Invoice]:
    try:
        return insert_once(Invoice, key, lambda: _issue(new=new, actor=actor, key=key))
    except IntegrityError:
        _raise_if_number_taken(new.number)
        raise


def issue_for_order(*, actor: Principal, new: NewInvoice) -> Invoice:
    """Requires a transaction. The locked invoice of `new.order_id`, issued if new. Raises OrderAmountDiffers."""
    db.require_transaction()
    assert new.order_id is not None
    invoice = _locked_by_order.one(actor.owner, new.order_id)
    if invoice is None:
        try:
            with db.one_insert():
                invoice = _issue(new=new, actor=actor, key=None)
        except IntegrityError:
            invoice = _locked_by_order.one(actor.owner, new.order_id)
            if invoice is None:
                raise
    if (invoice.amount, invoice.currency) != (new.amount, new.currency):
        raise OrderAmountDiffers(
            order_id=new.order_id, invoice_id=invoice.id, amount=invoice.amount, currency=invoice.currency
        )
    return invoice


def _build(*, actor: Principal, new: NewInvoice, key: IdempotencyKey | None) -> Invoice:
    money.check_currency(new.currency)
    money.check_amount(new.amount, field="lines" if len(new.lines) > 1 else "amount")
    if new.customer_id and by_id(Customer.objects, new.customer_id) is None:
        raise Invalid(errors=(FieldError("customer", "not_found", "Send the id of an existing customer, cus_…"),))
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
        currency=new.currency,
        retry_policy=(new.retry_policy or RetryPolicy.default()).to_json(),
        created_at=clock.now(),
        **key_fields(key),
    )


def _issue(*, new: NewInvoice, actor: Principal, key: IdempotencyKey | None) -> Invoice:
    invoice = _build(actor=actor, new=new, key=key)
    outbox.record(source=invoice, event=events.of_invoice(events.InvoiceCreated, invoice), actor=actor)
    invoice.save(force_insert=True)
    for position, line in enumerate(new.lines, start=1):
        db.insert_before_commit(
            InvoiceLine(
                invoice=invoice,
                position=position,
                description=line.description,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                tax_amount=line.tax_amount,
                amount=line.amount,
            )
        )
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


def _raise_if_number_taken(number: str | None) -> None:
    invoice_id = number and Invoice.objects.filter(number=number).values_list("id", flat=True).first()
    if invoice_id:
        raise NumberTaken(number=number, invoice_id=invoice_id)
