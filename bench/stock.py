"""What a measurement needs to be there: parameters for the raw-SQL floor, payments that wait for their webhook."""

import dataclasses
import datetime
import json
import uuid
from typing import Any

from django.db import connection

from bench import provider
from bench.client import fresh_key
from bench.copies import Ids, Original, Rows
from bench.floor import Transaction
from bench.hot_paths import Shop
from config.kernel import clock, ids
from invoices.models import Entry, Invoice, InvoiceLine, Journal
from outbox.models import OutboxEvent
from payments.models import Payment

CHUNK = 100
TABLES = (Invoice, InvoiceLine, Journal, Entry, OutboxEvent)
"""What creating an invoice writes to."""


@dataclasses.dataclass(frozen=True)
class Written:
    """What creating and paying one invoice leaves in the database, in the order in which it is written."""

    original: Original
    created: list[Rows]
    paid: list[Rows]
    invoice: Invoice
    """As it is once it is paid for."""


def write_one(shop: Shop) -> Written:
    """Create and pay one invoice through the application, and read back what that wrote."""
    original = Original()
    invoice_id = json.loads(shop.send(shop.create(), 201))["id"]
    invoice = Invoice.objects.get(id=invoice_id)
    created = [original.read(*group) for group in _rows_of(invoice_id)]
    events = set(OutboxEvent.objects.filter(aggregate_id=invoice_id).values_list("id", flat=True))
    shop.send(shop.pay(invoice_id, fresh_key()), 201)
    payment = Payment.objects.get(invoice_id=invoice_id)
    more = OutboxEvent.objects.filter(aggregate_id=invoice_id).exclude(id__in=events).order_by("sequence")
    paid = [original.read(payment), original.read(*more)]
    invoice = Invoice.objects.get(id=invoice_id)
    return Written(original, created, paid, invoice)


def _rows_of(invoice_id: str) -> list[list[Any]]:
    """All rows of an invoice nobody has paid yet."""
    return [
        [Invoice.objects.get(id=invoice_id)],
        list(InvoiceLine.objects.filter(invoice_id=invoice_id)),
        list(Journal.objects.filter(invoice_id=invoice_id)),
        list(Entry.objects.filter(journal__invoice_id=invoice_id).order_by("id")),
        list(OutboxEvent.objects.filter(aggregate_id=invoice_id).order_by("sequence")),
    ]


def floor_pairs(written: Written, count: int) -> list[list[Transaction]]:
    """The transactions of `count` pairs: create, then lock, pay and move the invoice."""
    return [_floor_pair(written) for _ in range(count)]


def _floor_pair(written: Written) -> list[Transaction]:
    original, invoice = written.original, written.invoice
    fresh = original.fresh()
    key = fresh[str(ids.decode("inv", invoice.id))]
    create = [(rows.statement, original.copy(rows, fresh)) for rows in written.created]
    lock = ("SELECT * FROM invoices_invoice WHERE id = %s FOR UPDATE", [key])
    move = "UPDATE invoices_invoice SET status = %s, attempts = %s, event_sequence = %s WHERE id = %s"
    moved = (move, [invoice.status, invoice.attempts, invoice.event_sequence, key])
    payment, events = ((rows.statement, original.copy(rows, fresh)) for rows in written.paid)
    return [create, [lock, payment, moved, events]]


@dataclasses.dataclass(frozen=True)
class Awaited:
    """A payment the provider has accepted: `body` is the event that settles it."""

    payment: str
    invoice: str
    body: bytes


class Accepted:
    """Payments in processing, submitted, each with everything the service has written by then: copies of a real one."""

    def __init__(self, shop: Shop) -> None:
        self._payment = shop.submitted()
        # A day from now: nobody asks the provider, who knows nothing of the copies, before the measurement is over.
        self._payment.available_at = clock.now() + datetime.timedelta(days=1)
        self._payment.save()
        self._original = Original()
        self._rows = [self._original.read(*group) for group in [*_rows_of(self._payment.invoice_id), [self._payment]]]
        self._body = provider.charge_succeeded(self._payment)

    def make(self, count: int) -> list[Awaited]:
        """`count` more of them."""
        copies = [self._original.fresh() for _ in range(count)]
        for start in range(0, count, CHUNK):
            chunk = copies[start : start + CHUNK]
            for rows in self._rows:
                _insert(rows, [value for fresh in chunk for value in self._original.copy(rows, fresh)], len(chunk))
        return [self._awaited(fresh) for fresh in copies]

    def _awaited(self, fresh: Ids) -> Awaited:
        event = self._original.fill(self._body, fresh).replace(provider.EVENT_ID, f"evt_{uuid.uuid4().hex}")
        return Awaited(fresh[self._payment.id], fresh[self._payment.invoice_id], event.encode())


def _insert(rows: Rows, values: list[Any], copies: int) -> None:
    head, _, tuples = rows.statement.partition(" VALUES ")
    with connection.cursor() as cursor:
        cursor.execute(f"{head} VALUES {', '.join([tuples] * copies)}", values)
