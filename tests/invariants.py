"""What must always hold, asserted at the end of every money test."""

from collections import Counter

from django.db.models import Count, F, Max, Min, Sum

from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.models import Customer, Invoice, Journal
from invoices.states import InvoiceStatus
from outbox.models import OutboxEvent
from payments.models import Dispute, Payment, Receipt, Refund
from payments.states import LIVE, LIVE_REFUND, DisputeStatus, PaymentStatus, ReceiptStatus, RefundStatus


def check_invariants() -> None:
    """Assert every invariant over the whole database."""
    check_books()
    check_live_payments()
    check_receipts()
    check_refunds()
    check_disputes()
    check_event_sequences()
    check_one_event_per_transition()


def check_books() -> None:
    """Every journal balances; receivable is what is owed; unapplied is what has arrived and paid nothing."""
    assert ledger.unbalanced_journals() == []
    assert not Journal.objects.filter(entries__isnull=True).exists()
    balances = Counter(ledger.balances())
    for currency in {currency for _, currency in balances}:
        owed = (
            Invoice.objects.filter(currency=currency)
            .exclude(status=InvoiceStatus.VOID)
            .aggregate(total=Sum(F("amount") - F("amount_paid")))["total"]
        )
        held = Receipt.objects.filter(currency=currency).aggregate(total=Sum("amount_unapplied"))["total"] or 0
        leaving = Refund.objects.filter(currency=currency, of_unapplied=True, status__in=LIVE_REFUND)
        held += leaving.aggregate(total=Sum("amount"))["total"] or 0
        assert balances[accounts.RECEIVABLE, currency] == (owed or 0)
        assert -balances[accounts.UNAPPLIED, currency] == held


def check_live_payments() -> None:
    """An invoice has at most one live payment, and is processing exactly while it has one."""
    live = Counter(Payment.objects.filter(status__in=LIVE).values_list("invoice_id", flat=True))
    assert all(count == 1 for count in live.values())
    assert set(live) == set(Invoice.objects.filter(status=InvoiceStatus.PROCESSING).values_list("id", flat=True))


def check_receipts() -> None:
    """An invoice is paid by applied receipts over exactly its amount, and a succeeded payment has a receipt."""
    applied = dict(
        Receipt.objects.filter(amount_applied__gt=0)
        .values_list("invoice_id")
        .annotate(total=Sum("amount_applied"))
        .values_list("invoice_id", "total")
    )
    paid = dict(Invoice.objects.filter(amount_paid__gt=0).values_list("id", "amount_paid"))
    assert applied == paid
    assert not Payment.objects.filter(status=PaymentStatus.SUCCEEDED, receipts__isnull=True).exists()
    assert Receipt.objects.count() == Journal.objects.filter(kind__in=["capture", "refund_returned"]).count()


def check_refunds() -> None:
    """What is reserved and refunded of a receipt is the sum of its refunds, and counts on its payment and invoice."""
    for receipt in Receipt.objects.prefetch_related("refunds"):
        refunds = list(receipt.refunds.all())
        live = sum(refund.amount for refund in refunds if refund.status in LIVE_REFUND)
        done = sum(refund.amount for refund in refunds if refund.status == RefundStatus.SUCCEEDED)
        unapplied = sum(r.amount for r in refunds if r.of_unapplied and r.status != RefundStatus.FAILED)
        assert (receipt.amount_refunding, receipt.amount_refunded) == (live, done), receipt
        assert receipt.amount == receipt.amount_applied + receipt.amount_unapplied + unapplied, receipt
        assert receipt.amount_refundable >= 0, receipt
        assert (receipt.status == ReceiptStatus.APPLIED) == (receipt.amount_applied > 0), receipt
    counted = Refund.objects.filter(of_unapplied=False, status=RefundStatus.SUCCEEDED)
    for field, model in (("invoice_id", Invoice), ("payment_id", Payment)):
        expected = Counter[str]()
        for row in counted.values("amount", field):
            expected[row[field]] += row["amount"]
        assert dict(model.objects.filter(amount_refunded__gt=0).values_list("id", "amount_refunded")) == expected
    assert not Payment.objects.filter(status=PaymentStatus.REFUNDED).exclude(amount_refunded=F("amount")).exists()
    booked = Journal.objects.filter(kind__in=["refund", "refund_of_unapplied"]).count()
    assert booked == Refund.objects.filter(status=RefundStatus.SUCCEEDED).count()


def check_disputes() -> None:
    """What is under dispute is in its account."""
    balances = Counter(ledger.balances())
    for currency in {currency for _, currency in balances}:
        for account, status in ((accounts.DISPUTED_FUNDS, DisputeStatus.OPEN), (accounts.DISPUTE_LOSSES, "lost")):
            total = Dispute.objects.filter(currency=currency, status=status).aggregate(total=Sum("amount"))["total"]
            assert balances[account, currency] == (total or 0)


def check_event_sequences() -> None:
    """Sequences are gap-free from 1 and end where the aggregate's row says."""
    stored = {
        source: sequence
        for model in (Customer, Invoice)
        for source, sequence in model.objects.values_list("id", "event_sequence")
    }
    logs = OutboxEvent.objects.values("aggregate_id").annotate(
        lowest=Min("sequence"), highest=Max("sequence"), number=Count("id")
    )
    for log in logs:
        assert (log["lowest"], log["highest"]) == (1, log["number"]), log
        assert stored[log["aggregate_id"]] == log["number"], log
    assert {source for source, sequence in stored.items() if sequence} == {log["aggregate_id"] for log in logs}


_ENDS = {
    "failed": "payment.failed",
    "canceled": "payment.canceled",
    "refunded": "payment.refunded",
}


def check_one_event_per_transition() -> None:
    """What happens once has exactly one event, with an actor."""
    events = Counter(
        (event_type, data.get("payment") or data.get("receipt") or data.get("invoice"))
        for event_type, data in OutboxEvent.objects.values_list("type", "data")
        if event_type.startswith(("payment.", "invoice."))
    )
    for payment_id, status in Payment.objects.values_list("id", "status"):
        assert events["payment.requested", payment_id] == 1
        for ended, event in _ENDS.items():
            assert events[event, payment_id] == (1 if ended == status else 0), (payment_id, status, event)
        has_succeeded = status in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)
        assert events["payment.succeeded", payment_id] == (1 if has_succeeded else 0), (payment_id, status)
    for invoice_id, status in Invoice.objects.values_list("id", "status"):
        assert events["invoice.created", invoice_id] == 1
        assert events["invoice.paid", invoice_id] == (1 if status == "paid" else 0), (invoice_id, status)
        assert events["invoice.voided", invoice_id] == (1 if status == "void" else 0), (invoice_id, status)
    assert not OutboxEvent.objects.filter(actor="").exists()
