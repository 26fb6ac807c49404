"""What customers have in credit: never less than nothing, and what the books say."""

from collections.abc import Iterator

from config.verification.dossiers import CreditRow, journals_of, public
from config.verification.journals import BY_HAND, entries_of, name_of, of_credit, said
from config.verification.snapshot import HIGHEST, LOWEST, Snapshot
from config.verification.violations import Violation
from invoices.ledger import accounts

CHUNK = 5000
BY_NOBODY = "invoice_id IS NULL"


def balances(snapshot: Snapshot, after: str, last: str) -> Iterator[Violation]:
    """The entries of customers of the range, numbered from 1, each with the sum up to it, which is never negative."""
    for key, currency, number, balance, place, total in snapshot.rows(_BALANCES, after, last):
        subject = f"{public('cus', key)} in {currency}, entry {number}"
        yield Violation("credit_balance", subject, f"{total}, at least 0, after entry {place}", balance)


_BALANCES = """
SELECT * FROM (
SELECT customer_id, currency, number, balance, ROW_NUMBER() OVER w AS place, SUM(amount) OVER w AS total
FROM invoices_creditentry WHERE customer_id > %s AND customer_id <= %s
WINDOW w AS (PARTITION BY customer_id, currency ORDER BY number)
) AS entries WHERE number <> place OR balance <> total OR total < 0"""


def books(snapshot: Snapshot) -> Iterator[Violation]:
    """What was granted and revoked by hand has its journal, and the account holds what all entries add up to."""
    for after, last, _ in snapshot.chunks("invoices_creditentry", CHUNK, where=BY_NOBODY):
        yield from _by_hand(snapshot, after, last)
    held = dict(snapshot.rows("SELECT currency, SUM(amount) FROM invoices_creditentry GROUP BY currency"))
    booked = dict(
        snapshot.rows(
            "SELECT currency, -SUM(amount) FROM invoices_entry WHERE account = %s GROUP BY currency",
            accounts.CUSTOMER_CREDIT,
        )
    )
    for currency in held.keys() | booked.keys():
        if held.get(currency, 0) != booked.get(currency, 0):
            subject = f"{accounts.CUSTOMER_CREDIT} in {currency}"
            yield Violation("credit_books", subject, held.get(currency, 0), booked.get(currency, 0))


def _by_hand(snapshot: Snapshot, after: str, last: str) -> Iterator[Violation]:
    """Entries of a range of ids, and the journals whose sources lie in it; the outermost ranges have no end."""
    columns = ", ".join(CreditRow._fields)
    rows = snapshot.rows(
        f"SELECT {columns} FROM invoices_creditentry WHERE {BY_NOBODY} AND id > %s AND id <= %s", after, last
    )
    expected = dict(of_credit(CreditRow._make(row)) for row in rows)
    start = "" if after == LOWEST else public("cre", after)
    end = "~" if last == HIGHEST else public("cre", last)
    kinds = ", ".join(f"'{kind}'" for kind in BY_HAND)
    where = f"j.{BY_NOBODY} AND j.kind IN ({kinds}) AND j.source > %s AND j.source <= %s"
    journals = journals_of(snapshot, where, start, end).get(None, [])
    found = {(journal.kind, journal.source): entries_of(journal) for journal in journals}
    for key in expected.keys() | found.keys():
        if expected.get(key) != found.get(key):
            wanted, seen = (said(each[key]) if key in each else "none" for each in (expected, found))
            yield Violation("credit_books", name_of(key), wanted, seen)
