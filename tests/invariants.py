"""What must always hold, asserted at the end of every money test."""

from collections import Counter

from django.db import connection
from django.db.models import F, Sum

from config.verification.snapshot import Snapshot
from config.verification.verifying import CHECKS, verify
from config.verification.violations import Report
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.models import Invoice
from invoices.states import InvoiceStatus
from payments.models import Dispute, Receipt, Refund
from payments.states import REFUND_LIVE, DisputeStatus

CHECKED = frozenset(CHECKS) - {"event_correlation", "card_numbers", "inbox_age"}
"""What `manage.py verify_books` checks, but for what a test may leave out or plant: the rest of it is about minutes."""


def check_invariants() -> None:
    """Assert every invariant over the whole database, as this connection sees it."""
    report = Report(CHECKED, limit=5)
    verify(Snapshot(connection), report, lambda *_: None)
    assert not report.total, "\n".join(map(str, report.violations))
    check_books()


def check_books() -> None:
    """Receivable is what is owed; unapplied is what has arrived and paid nothing; disputed is what disputes hold."""
    balances = Counter(ledger.balances())
    for currency in {currency for _, currency in balances}:
        owed = (
            Invoice.objects.filter(currency=currency)
            .exclude(status=InvoiceStatus.VOID)
            .aggregate(total=Sum(F("amount") - F("amount_paid") - F("amount_credited")))["total"]
        )
        held = Receipt.objects.filter(currency=currency).aggregate(total=Sum("amount_unapplied"))["total"] or 0
        leaving = Refund.objects.filter(currency=currency, status__in=REFUND_LIVE)
        held += leaving.aggregate(total=Sum("amount_unapplied"))["total"] or 0
        assert balances[accounts.RECEIVABLE, currency] == (owed or 0)
        assert -balances[accounts.UNAPPLIED, currency] == held
        for account, status in ((accounts.DISPUTED_FUNDS, DisputeStatus.OPEN), (accounts.DISPUTE_LOSSES, "lost")):
            disputes = Dispute.objects.filter(currency=currency, status=status, reinstated_at=None)
            total = disputes.aggregate(total=Sum("amount"))["total"]
            assert balances[account, currency] == (total or 0)
