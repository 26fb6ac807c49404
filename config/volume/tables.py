"""Bulk inserts: many rows of one model in few statements, on MariaDB and SQLite."""

import collections
from collections.abc import Iterable
from typing import Any

from django.db import connection, models

from invoices.models import Customer, Entry, Invoice, InvoiceLine, Journal
from outbox.models import OutboxEvent
from payments.models import Payment, Receipt
from webhooks.inbound.models import ProviderEvent

Row = tuple[Any, ...]


class Table:
    """`columns` are given with each row, as the database takes them; every other field has its default in all rows."""

    def __init__(self, model: type[models.Model], *columns: str) -> None:
        self.model = model
        self._columns = columns

    def insert(self, rows: Iterable[Row]) -> int:
        """Requires a transaction. How many rows there were."""
        constants = {
            str(field.column): field.get_db_prep_save(field.get_default(), connection)
            for field in self.model._meta.concrete_fields
            if field.column not in self._columns and field.get_default() is not None
        }
        end = tuple(constants.values())
        names = ", ".join(connection.ops.quote_name(name) for name in (*self._columns, *constants))
        places = ", ".join(["%s"] * (len(self._columns) + len(end)))
        written = [row + end for row in rows]
        with connection.cursor() as cursor:
            if written:
                cursor.executemany(f"INSERT INTO {self.model._meta.db_table} ({names}) VALUES ({places})", written)
        return len(written)


CUSTOMERS = Table(Customer, "id", "name", "email", "created_at", "event_sequence")
INVOICES = Table(
    Invoice,
    *["id", "owner", "number", "order_id", "customer_id", "description", "due_on", "status", "amount", "amount_paid"],
    *["currency", "attempts", "created_at", "paid_at", "voided_at", "event_sequence"],
)
LINES = Table(InvoiceLine, "id", "invoice_id", "position", "description", "quantity", "unit_amount", "amount")
JOURNALS = Table(Journal, "id", "kind", "source", "invoice_id", "recorded_at")
ENTRIES = Table(Entry, "id", "journal_id", "account", "amount", "currency")
PAYMENTS = Table(
    Payment,
    *["id", "invoice_id", "live_invoice_id", "status", "attempt", "amount", "currency", "provider", "provider_account"],
    *["provider_reference", "payment_method", "failure_code", "failure_retryable", "failure_message", "correlation_id"],
    *["created_at", "submitted_at", "ended_at", "available_at", "reconciliations"],
    *["idempotency_owner", "idempotency_operation", "idempotency_key_digest", "request_fingerprint"],
)
RECEIPTS = Table(
    Receipt,
    *["id", "payment_id", "invoice_id", "status", "provider", "provider_account", "provider_reference", "amount"],
    *["currency", "received_at"],
)
PROVIDER_EVENTS = Table(
    ProviderEvent,
    *["id", "provider", "account", "event_id", "type", "our_reference", "charge_reference", "payload", "status"],
    *["outcome", "error", "attempts", "correlation_id", "received_at", "processed_at"],
)
EVENTS = Table(
    OutboxEvent,
    *["id", "type", "data", "aggregate_type", "aggregate_id", "sequence", "actor", "reason", "correlation_id"],
    *["occurred_at", "shard", "position"],
)
IN_ORDER = (CUSTOMERS, INVOICES, LINES, JOURNALS, ENTRIES, PAYMENTS, RECEIPTS, PROVIDER_EVENTS)
"""Parents before children. Events come last, once they have their positions."""


class Rows:
    """Rows of many tables that are written in one transaction. Those of EVENTS end with the shard."""

    def __init__(self) -> None:
        self._by_table: dict[Table, list[Row]] = collections.defaultdict(list)

    def add(self, table: Table, *values: Any) -> None:
        self._by_table[table].append(values)

    def of(self, table: Table) -> list[Row]:
        """By primary key, which is the order of time and the fastest to insert."""
        return sorted(self._by_table[table], key=lambda row: row[0])


def analyze() -> None:
    """Have MariaDB look at how full its tables are now; left alone it finds out some time later."""
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            tables = ", ".join(table.model._meta.db_table for table in (*IN_ORDER, EVENTS))
            cursor.execute(f"ANALYZE TABLE {tables}")
            cursor.fetchall()
