"""What happens to customers and invoices, as subscribers read it."""

import datetime

from invoices.models import CreditEntry, Customer, Invoice
from outbox.events import Event


class CustomerEvent(Event):
    """A customer, as it was right after the event."""

    customer: str
    name: str
    email: str


class CustomerCreated(CustomerEvent):
    type = "customer.created"


class CustomerUpdated(CustomerEvent):
    type = "customer.updated"


class CreditEvent(Event):
    """A change of a customer's credit. Minor units of `currency`: `amount` is negative when credit was applied or
    revoked, `balance` is what the customer has right after it, in that currency.
    """

    credit: str
    customer: str
    invoice: str | None
    amount: int
    balance: int
    currency: str


class CreditGranted(CreditEvent):
    type = "credit.granted"


class CreditApplied(CreditEvent):
    type = "credit.applied"


class CreditReturned(CreditEvent):
    type = "credit.returned"


class CreditRevoked(CreditEvent):
    type = "credit.revoked"


class InvoiceEvent(Event):
    """An invoice, as it was right after the event. Amounts are minor units of `currency`."""

    invoice: str
    status: str
    number: str | None
    order_id: str | None
    customer: str | None
    amount: int
    tax_amount: int
    amount_paid: int
    amount_credited: int
    amount_refunded: int
    amount_due: int
    currency: str
    due_on: datetime.date | None
    next_attempt_at: datetime.datetime | None


class InvoiceCreated(InvoiceEvent):
    type = "invoice.created"


class InvoiceProcessing(InvoiceEvent):
    type = "invoice.processing"


class InvoiceReopened(InvoiceEvent):
    type = "invoice.reopened"


class InvoiceFailed(InvoiceEvent):
    type = "invoice.failed"


class InvoicePaid(InvoiceEvent):
    type = "invoice.paid"


class InvoiceVoided(InvoiceEvent):
    type = "invoice.voided"


def of_customer(event: type[CustomerEvent], customer: Customer) -> CustomerEvent:
    """`event` about `customer` as it stands."""
    return event(customer=customer.id, name=customer.name, email=customer.email)


def of_credit(event: type[CreditEvent], entry: CreditEntry) -> CreditEvent:
    """`event` about `entry`."""
    return event(
        credit=entry.id,
        customer=entry.customer_id,
        invoice=entry.invoice_id,
        amount=entry.amount,
        balance=entry.balance,
        currency=entry.currency,
    )


def of_invoice(event: type[InvoiceEvent], invoice: Invoice) -> InvoiceEvent:
    """`event` about `invoice` as it stands."""
    return event(
        invoice=invoice.id,
        status=invoice.status,
        number=invoice.number,
        order_id=invoice.order_id,
        customer=invoice.customer_id,
        amount=invoice.amount,
        tax_amount=invoice.tax_amount,
        amount_paid=invoice.amount_paid,
        amount_credited=invoice.amount_credited,
        amount_refunded=invoice.amount_refunded,
        amount_due=invoice.amount_due,
        currency=invoice.currency,
        due_on=invoice.due_on,
        next_attempt_at=invoice.next_attempt_at,
    )
