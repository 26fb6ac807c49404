"""The lines of a provider's books: each stored once, fees and payouts booked in the ledger as they come."""

import datetime
import sqlite3
from collections.abc import Iterable, Sequence

from config.kernel import db
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from payments.models import SettlementLine, SettlementRun
from payments.models.settlement import LineKind
from payments.providers.base import ListedTransaction, Provider
from payments.services import receipts

Key = tuple[str, str, str]
JOURNALS = {LineKind.FEE: (JournalKind.FEE, accounts.FEES), LineKind.PAYOUT: (JournalKind.PAYOUT, accounts.BANK)}
"""Lines without an object of ours: with their journal's kind, and the account beside the provider's."""


def key_of(line: ListedTransaction) -> Key:
    """What makes a line of an account this one and no other."""
    return line.kind, line.reference, line.status


def kept(books: Provider, lines: Iterable[ListedTransaction]) -> dict[Key, SettlementLine]:
    """Those that are stored already."""
    rows = SettlementLine.objects.filter(
        provider=books.name, provider_account=books.account, provider_reference__in={line.reference for line in lines}
    )
    return {(row.kind, row.provider_reference, row.status): row for row in rows}


@db.transaction(idempotent=True, looks_again=True)
def keep(run: SettlementRun, books: Provider, lines: Sequence[ListedTransaction]) -> int:
    """Store what is new, correct what the provider has corrected; how many fees and payouts were booked."""
    known, booked = kept(books, lines), 0
    for line in lines:
        row = known.get(key_of(line))
        if row is None:
            row = known[key_of(line)] = _row(run, books, line)
            db.insert_before_commit(row)
            booked += book(row)
        elif (row.amount, row.currency) != (line.amount, line.currency):
            row.amount, row.currency = line.amount, line.currency
            db.save(row, update_fields=["amount", "currency"])
    return booked


def would_book(books: Provider, lines: Sequence[ListedTransaction]) -> int:
    """How many fees and payouts `keep` would book."""
    known = kept(books, lines)
    new = {key_of(line) for line in lines if line.kind in JOURNALS and line.amount}
    return len(new - known.keys())


def book(line: SettlementLine) -> bool:
    """Requires a transaction. A fee's or payout's journal; False for lines that have none."""
    db.require_transaction()
    if line.kind not in JOURNALS or not line.amount:
        return False
    kind, account = JOURNALS[LineKind(line.kind)]
    ledger.post_entries(
        kind=kind,
        source=line.id,
        invoice_id=None,
        currency=line.currency,
        entries={account: -line.amount, receipts.holder(line.provider): line.amount},
    )
    return True


def _row(run: SettlementRun, books: Provider, line: ListedTransaction) -> SettlementLine:
    return SettlementLine(
        kind=line.kind,
        provider=books.name,
        provider_account=books.account,
        provider_reference=line.reference,
        status=line.status,
        our_reference=line.our_reference,
        charge_reference=line.charge_reference,
        amount=line.amount,
        currency=line.currency,
        booked_at=line.created_at,
        run=run,
    )


class Seen:
    """Which lines the provider's books have: those read in this run, and those that were kept of before it.

    The former are in a file of SQLite's own that goes with this object, so that no window is too long for the memory.
    """

    def __init__(self, books: Provider, *, before: datetime.datetime) -> None:
        ours = SettlementLine.objects.filter(provider=books.name, provider_account=books.account)
        self._before = ours.filter(booked_at__lt=before)
        self._read = sqlite3.connect("", isolation_level=None)
        self._read.execute("CREATE TABLE lines (kind TEXT, reference TEXT, PRIMARY KEY (kind, reference))")

    def add(self, lines: Sequence[ListedTransaction]) -> None:
        """They have been read."""
        rows = [(line.kind, line.reference) for line in lines]
        self._read.executemany("INSERT OR IGNORE INTO lines VALUES (?, ?)", rows)

    def among(self, kind: str, references: set[str]) -> set[str]:
        """Of `references` those with a line of this kind."""
        query = "SELECT 1 FROM lines WHERE kind = ? AND reference = ?"
        read = {each for each in references if self._read.execute(query, (kind, each)).fetchone()}
        before = self._before.filter(kind=kind, provider_reference__in=references - read)
        return read | set(before.values_list("provider_reference", flat=True))

    def close(self) -> None:
        """The file goes."""
        self._read.close()
