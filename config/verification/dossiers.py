"""All that belongs to one invoice, read for a range of invoices at a time."""

import collections
import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from config.kernel import ids
from config.verification.snapshot import HIGHEST, Snapshot


class InvoiceRow(NamedTuple):
    id: str
    status: str
    amount: int
    tax_amount: int
    amount_paid: int
    amount_credited: int
    amount_refunded: int
    currency: str
    customer_id: str | None
    attempts: int
    next_attempt_at: Any
    event_sequence: int


class LineRow(NamedTuple):
    invoice_id: str
    id: str
    position: int
    quantity: int
    unit_amount: int
    tax_amount: int
    amount: int
    reverses_id: str | None


class ReversalRow(NamedTuple):
    """A line on an invoice that takes back `line_id`, which is on the invoice `invoice_id`."""

    invoice_id: str
    line_id: str
    tax_amount: int
    amount: int
    on_id: str
    status: str
    customer_id: str | None
    currency: str


class CreditRow(NamedTuple):
    invoice_id: str | None
    id: str
    customer_id: str
    kind: str
    amount: int
    currency: str


class PaymentRow(NamedTuple):
    invoice_id: str
    id: str
    live_invoice_id: str | None
    status: str
    attempt: int
    amount: int
    amount_refunded: int
    currency: str


class ReceiptRow(NamedTuple):
    invoice_id: str
    id: str
    payment_id: str
    returned_refund_id: str | None
    status: str
    provider: str
    amount: int
    amount_applied: int
    amount_unapplied: int
    amount_refunding: int
    amount_refunded: int
    currency: str

    @property
    def kept(self) -> int:
        """What is neither gone nor about to go."""
        return self.amount - self.amount_refunding - self.amount_refunded


class RefundRow(NamedTuple):
    invoice_id: str
    id: str
    payment_id: str
    receipt_id: str
    status: str
    amount: int
    currency: str
    amount_unapplied: int
    provider: str


class DisputeRow(NamedTuple):
    invoice_id: str
    id: str
    payment_id: str
    receipt_id: str
    status: str
    amount: int
    currency: str
    provider: str
    reinstated_at: str | None


class EventRow(NamedTuple):
    aggregate_id: str
    sequence: int
    type: str
    data: str
    actor: str
    correlation_id: str
    shard: int
    position: int | None


@dataclasses.dataclass(slots=True)
class Journal:
    """`entries` are (account, signed amount, currency)."""

    kind: str
    source: str
    entries: list[tuple[str, int, str]]


@dataclasses.dataclass(slots=True)
class Log:
    """The events of one aggregate in their order, and how many there should be; None where its row is not there."""

    aggregate_id: str
    event_sequence: int | None
    events: list[EventRow]

    def has_gaps(self) -> bool:
        """Then nothing that is read out of it can be relied on."""
        numbers = [event.sequence for event in self.events]
        return numbers != list(range(1, (self.event_sequence or 0) + 1))


@dataclasses.dataclass(slots=True)
class Dossier:
    """`invoice` is None where rows refer to one that is not there."""

    public_id: str
    invoice: InvoiceRow | None = None
    lines: list[LineRow] = dataclasses.field(default_factory=list)
    payments: list[PaymentRow] = dataclasses.field(default_factory=list)
    receipts: list[ReceiptRow] = dataclasses.field(default_factory=list)
    refunds: list[RefundRow] = dataclasses.field(default_factory=list)
    disputes: list[DisputeRow] = dataclasses.field(default_factory=list)
    credits: list[CreditRow] = dataclasses.field(default_factory=list)
    reversals: list[ReversalRow] = dataclasses.field(default_factory=list)
    journals: list[Journal] = dataclasses.field(default_factory=list)
    events: list[EventRow] = dataclasses.field(default_factory=list)

    @property
    def log(self) -> Log:
        return Log(self.public_id, self.invoice.event_sequence if self.invoice else None, self.events)


EVENT_TABLES = ("outbox_outboxevent", "outbox_archivedevent")
"""Together they are the log."""
CHILDREN: Sequence[tuple[str, str, type[Any]]] = (
    ("lines", "invoices_invoiceline", LineRow),
    ("payments", "payments_payment", PaymentRow),
    ("receipts", "payments_receipt", ReceiptRow),
    ("refunds", "payments_refund", RefundRow),
    ("disputes", "payments_dispute", DisputeRow),
    ("credits", "invoices_creditentry", CreditRow),
)
REVERSALS = """
SELECT charged.invoice_id, charged.id, back.tax_amount, back.amount, i.id, i.status, i.customer_id, i.currency
FROM invoices_invoiceline charged
JOIN invoices_invoiceline back ON back.reverses_id = charged.id JOIN invoices_invoice i ON i.id = back.invoice_id
WHERE charged.invoice_id > %s AND charged.invoice_id <= %s"""


def public(prefix: str, key: str) -> str:
    """The id that people know, of one as the database has it."""
    return ids.from_number(prefix, int(key.replace("-", ""), 16))


def read(snapshot: Snapshot, after: str, last: str) -> list[Dossier]:
    """The dossiers of the invoices after one up to another, with what refers to invoices of that range."""
    found: dict[str, Dossier] = {}

    def of(key: str) -> Dossier:
        if key not in found:
            found[key] = Dossier(public("inv", key))
        return found[key]

    for invoice in _select(snapshot, "invoices_invoice", "id", InvoiceRow, after, last):
        of(invoice.id).invoice = invoice
    for name, table, kind in CHILDREN:
        for row in _select(snapshot, table, "invoice_id", kind, after, last):
            getattr(of(row.invoice_id), name).append(row)
    for reversal in map(ReversalRow._make, snapshot.rows(REVERSALS, after, last)):
        of(reversal.invoice_id).reversals.append(reversal)
    for key, journals in journals_of(snapshot, "j.invoice_id > %s AND j.invoice_id <= %s", after, last).items():
        assert key is not None
        of(key).journals = journals
    by_public_id = {dossier.public_id: dossier for dossier in found.values()}
    for event in events_of(snapshot, "inv", after, last):
        if event.aggregate_id not in by_public_id:
            by_public_id[event.aggregate_id] = Dossier(event.aggregate_id)
        by_public_id[event.aggregate_id].events.append(event)
    return list(by_public_id.values())


def _select(snapshot: Snapshot, table: str, key: str, kind: type[Any], after: str, last: str) -> Iterator[Any]:
    columns = ", ".join(kind._fields)
    rows = snapshot.rows(f"SELECT {columns} FROM {table} WHERE {key} > %s AND {key} <= %s", after, last)
    return map(kind._make, rows)


def journals_of(snapshot: Snapshot, where: str, *parameters: str) -> dict[str | None, list[Journal]]:
    """By the id of their invoice, as the database has it; None for those of no invoice."""
    rows = snapshot.rows(
        "SELECT j.invoice_id, j.id, j.kind, j.source, e.account, e.amount, e.currency FROM invoices_journal j"
        f" LEFT JOIN invoices_entry e ON e.journal_id = j.id WHERE {where}",
        *parameters,
    )
    journals: dict[str, Journal] = {}
    by_invoice: dict[str | None, list[Journal]] = collections.defaultdict(list)
    for invoice_id, id, kind, source, account, amount, currency in rows:
        if id not in journals:
            journals[id] = Journal(kind, source, [])
            by_invoice[invoice_id].append(journals[id])
        if account is not None:
            journals[id].entries.append((account, amount, currency))
    return by_invoice


def events_of(snapshot: Snapshot, prefix: str, after: str, last: str) -> Iterator[EventRow]:
    """In the order of each aggregate's log. Text orders ids as the keys do; the last range ends after all of them."""
    end = f"{prefix}_~" if last == HIGHEST else public(prefix, last)
    start = f"{prefix}_" if not after.strip("0") else public(prefix, after)
    parts = " UNION ALL ".join(
        f"SELECT {', '.join(EventRow._fields)} FROM {table} WHERE aggregate_id > %s AND aggregate_id <= %s"
        for table in EVENT_TABLES
    )
    rows = snapshot.rows(f"{parts} ORDER BY aggregate_id, sequence", *(start, end) * len(EVENT_TABLES))
    return map(EventRow._make, rows)


def logs(snapshot: Snapshot, prefix: str, table: str, after: str, last: str) -> list[Log]:
    """The logs of aggregates that have nothing else to check."""
    rows = snapshot.rows(f"SELECT id, event_sequence FROM {table} WHERE id > %s AND id <= %s", after, last)
    found = {public(prefix, key): Log(public(prefix, key), sequence, []) for key, sequence in rows}
    for event in events_of(snapshot, prefix, after, last):
        found.setdefault(event.aggregate_id, Log(event.aggregate_id, None, [])).events.append(event)
    return list(found.values())


def parsed(event: EventRow) -> dict[str, Any]:
    """Its data; nothing where that is no object."""
    try:
        data = json.loads(event.data)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
