"""Posting journals, and reading balances back."""

from django.db.models import Sum

from config.kernel import clock, db
from invoices.ledger.models import Entry, Journal, JournalKind


class Unbalanced(Exception):
    """A journal whose debits and credits differ: a bug in the caller."""


def post(
    *, kind: JournalKind, source: str, invoice_id: str | None, currency: str, debit: str, credit: str, amount: int
) -> None:
    """Requires a transaction. Book `amount` (minor units, positive) from account `credit` to account `debit`."""
    post_entries(
        kind=kind, source=source, invoice_id=invoice_id, currency=currency, entries={debit: amount, credit: -amount}
    )


def post_entries(
    *, kind: JournalKind, source: str, invoice_id: str | None, currency: str, entries: dict[str, int]
) -> None:
    """Requires a transaction. `entries` maps accounts to signed minor units, debits positive; zeros are left out.

    Where all are zero nothing is booked. Raises Unbalanced.
    """
    db.require_transaction()
    if sum(entries.values()) != 0:
        raise Unbalanced(f"{kind} {source}: {entries}")
    if not any(entries.values()):
        return
    journal = Journal(kind=kind, source=source, invoice_id=invoice_id, recorded_at=clock.now())
    db.insert_before_commit(journal)
    for account, amount in entries.items():
        if amount == 0:
            continue
        db.insert_before_commit(Entry(journal=journal, account=account, amount=amount, currency=currency))


def balances() -> dict[tuple[str, str], int]:
    """(account, currency) → balance in minor units, debits positive, over all journals."""
    rows = (
        Entry.objects.values_list("account", "currency").annotate(balance=Sum("amount")).order_by("account", "currency")
    )
    return {(account, currency): balance for account, currency, balance in rows}
