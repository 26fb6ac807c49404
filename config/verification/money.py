"""Of one invoice: what is owed, paid and refunded is what its lines, payments, receipts and refunds say."""

import collections
from collections.abc import Iterator

from config.verification.dossiers import Dossier, ReceiptRow, RefundRow, public
from config.verification.violations import Violation
from invoices.models import CreditKind
from payments.states import LIVE, REFUND_LIVE, PaymentStatus, ReceiptStatus, RefundStatus


def lines(dossier: Dossier) -> Iterator[Violation]:
    """They are numbered from 1, and add up to the amount and the tax; those that take others back are negative."""
    invoice = dossier.invoice
    assert invoice is not None
    wrong = [line for line in dossier.lines if line.amount != line.quantity * line.unit_amount + line.tax_amount]
    for line in wrong:
        computed = line.quantity * line.unit_amount + line.tax_amount
        yield Violation("lines", f"{dossier.public_id} line {line.position}", computed, line.amount)
    for line in dossier.lines:
        if (line.amount < 0) != (line.reverses_id is not None):
            sign = "at least 0" if line.reverses_id is None else "less than 0"
            yield Violation("lines", f"{dossier.public_id} line {line.position}", sign, line.amount)
    total = sum(line.amount for line in dossier.lines), sum(line.tax_amount for line in dossier.lines)
    if total != (invoice.amount, invoice.tax_amount) and not wrong:
        yield Violation("lines", dossier.public_id, (invoice.amount, invoice.tax_amount), total)
    positions = sorted(line.position for line in dossier.lines)
    if positions != list(range(1, len(positions) + 1)):
        yield Violation("lines", f"{dossier.public_id} positions", "1, 2, 3, …", positions)


def reversals(dossier: Dossier) -> Iterator[Violation]:
    """No line is taken back further than it charges, nor for somebody else, nor where nobody owes it."""
    invoice = dossier.invoice
    assert invoice is not None
    lines = {line.id: line for line in dossier.lines}
    gone: dict[str, tuple[int, int]] = {}
    for row in dossier.reversals:
        if (row.customer_id, row.currency) != (invoice.customer_id, invoice.currency) or row.customer_id is None:
            yield Violation("reversals", public("inv", row.on_id), f"of {dossier.public_id}'s customer", "another's")
        if row.status != "void":
            amount, tax = gone.get(row.line_id, (0, 0))
            gone[row.line_id] = amount - row.amount, tax - row.tax_amount
    for line_id, (amount, tax) in gone.items():
        line = lines[line_id]
        owed = 0 if invoice.status == "void" or line.reverses_id is not None else line.amount
        if tax > line.tax_amount or amount - tax > owed - line.tax_amount:
            yield Violation("reversals", f"{public('il', line_id)} taken back", f"at most {owed}", amount)


def live_payment(dossier: Dossier) -> Iterator[Violation]:
    """At most one, and the invoice is processing exactly while there is one."""
    invoice = dossier.invoice
    assert invoice is not None
    live = [payment for payment in dossier.payments if payment.status in LIVE]
    if len(live) != (invoice.status == "processing"):
        names = ", ".join(public("pay", payment.id) for payment in live) or "none"
        yield Violation("live_payment", f"{dossier.public_id}, {invoice.status}", "one while processing", names)
    for payment in dossier.payments:
        expected = invoice.id if payment.status in LIVE else None
        if payment.live_invoice_id != expected:
            yield Violation("live_payment", public("pay", payment.id), expected, payment.live_invoice_id)


def attempts(dossier: Dossier) -> Iterator[Violation]:
    """Payments are numbered from 1, and the invoice has counted them; the next one is planned only while it is open."""
    invoice = dossier.invoice
    assert invoice is not None
    numbers = sorted(payment.attempt for payment in dossier.payments)
    if numbers != list(range(1, invoice.attempts + 1)):
        yield Violation("attempts", dossier.public_id, f"payments 1 to {invoice.attempts}", numbers)
    if invoice.next_attempt_at is not None and invoice.status != "open":
        yield Violation("retries", dossier.public_id, f"none while {invoice.status}", invoice.next_attempt_at)


def amounts_paid(dossier: Dossier) -> Iterator[Violation]:
    """Applied receipts and credit are what has paid the invoice; paid means all of it."""
    invoice = dossier.invoice
    assert invoice is not None
    applied = sum(receipt.amount_applied for receipt in dossier.receipts)
    used = (CreditKind.APPLIED, CreditKind.RETURNED)
    credited = -sum(entry.amount for entry in dossier.credits if entry.kind in used)
    if invoice.amount_credited != credited:
        yield Violation("amount_credited", dossier.public_id, credited, invoice.amount_credited)
    if invoice.amount_paid != applied:
        yield Violation("amount_paid", dossier.public_id, applied, invoice.amount_paid)
    elif (invoice.status == "paid") != (applied + credited == invoice.amount) and invoice.status != "void":
        expected = "all of it" if invoice.status == "paid" else "less than all of it"
        yield Violation("amount_paid", f"{dossier.public_id}, {invoice.status}", expected, applied + credited)


def amounts_refunded(dossier: Dossier) -> Iterator[Violation]:
    """Succeeded refunds of applied money are counted on the invoice and on their payments; refunded means all of it."""
    invoice = dossier.invoice
    assert invoice is not None
    by_payment: collections.Counter[str] = collections.Counter()
    for refund in dossier.refunds:
        if refund.status == RefundStatus.SUCCEEDED:
            by_payment[refund.payment_id] += refund.amount - refund.amount_unapplied
    if invoice.amount_refunded != by_payment.total():
        yield Violation("amount_refunded", dossier.public_id, by_payment.total(), invoice.amount_refunded)
    applied: collections.Counter[str] = collections.Counter()
    for receipt in dossier.receipts:
        applied[receipt.payment_id] += receipt.amount_applied
    for payment in dossier.payments:
        expected = by_payment[payment.id]
        if payment.amount_refunded != expected:
            yield Violation("amount_refunded", public("pay", payment.id), expected, payment.amount_refunded)
        elif payment.status == PaymentStatus.REFUNDED and expected != applied[payment.id]:
            yield Violation("amount_refunded", f"{public('pay', payment.id)}, refunded", applied[payment.id], expected)


def captures(dossier: Dossier) -> Iterator[Violation]:
    """A payment that succeeded has its money; one that was captured twice has given the surplus back."""
    taken: dict[str, list[ReceiptRow]] = collections.defaultdict(list)
    for receipt in dossier.receipts:
        if receipt.returned_refund_id is None:
            taken[receipt.payment_id].append(receipt)
    for payment in dossier.payments:
        found = taken[payment.id]
        if payment.status in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED) and not found:
            yield Violation("captures", f"{public('pay', payment.id)}, {payment.status}", "a receipt", "none")
        used = [receipt.kept - receipt.amount_unapplied for receipt in found]
        if sum(used) > payment.amount:
            subject = ", ".join([public("pay", payment.id), *(public("rct", receipt.id) for receipt in found)])
            yield Violation("double_charge", subject, payment.amount, sum(used))


def receipts(dossier: Dossier) -> Iterator[Violation]:
    """Each cent of a receipt is in one place, its status says so, and what refunds take of it is what they are."""
    by_receipt: dict[str, list[RefundRow]] = collections.defaultdict(list)
    for refund in dossier.refunds:
        by_receipt[refund.receipt_id].append(refund)
    for receipt in dossier.receipts:
        name, refunds = public("rct", receipt.id), by_receipt[receipt.id]
        reserved = sum(refund.amount for refund in refunds if refund.status in REFUND_LIVE)
        gone = sum(refund.amount for refund in refunds if refund.status == RefundStatus.SUCCEEDED)
        if (receipt.amount_refunding, receipt.amount_refunded) != (reserved, gone):
            found = receipt.amount_refunding, receipt.amount_refunded
            yield Violation("refund_reservations", f"{name} refunding, refunded", (reserved, gone), found)
            continue
        if receipt.kept < 0:
            yield Violation("refund_reservations", f"{name} refunds", f"at most {receipt.amount}", reserved + gone)
            continue
        leaving = sum(refund.amount_unapplied for refund in refunds if refund.status != RefundStatus.FAILED)
        parts = receipt.amount_applied + receipt.amount_unapplied + leaving
        if parts != receipt.amount:
            yield Violation("receipt_parts", name, receipt.amount, parts)
        elif not _status_fits(receipt):
            yield Violation("receipt_parts", f"{name} status", "what its amounts say", receipt.status)


def _status_fits(receipt: ReceiptRow) -> bool:
    if receipt.amount_applied:
        return receipt.status == ReceiptStatus.APPLIED
    if receipt.status == ReceiptStatus.REFUNDING:
        return receipt.amount_refunding > 0
    if receipt.status == ReceiptStatus.REFUNDED:
        return receipt.amount_refunded == receipt.amount
    return receipt.status == ReceiptStatus.UNAPPLIED


def references(dossier: Dossier) -> Iterator[Violation]:
    """What belongs to an invoice belongs together, in one currency where it must be one."""
    payments = {row.id for row in dossier.payments}
    receipts = {row.id: row for row in dossier.receipts}
    refunds = {row.id for row in dossier.refunds}
    for receipt in dossier.receipts:
        if receipt.payment_id not in payments or receipt.returned_refund_id not in {None, *refunds}:
            yield Violation("references", public("rct", receipt.id), f"a payment of {dossier.public_id}", "another's")
        if dossier.invoice and receipt.amount_applied and receipt.currency != dossier.invoice.currency:
            yield Violation("references", public("rct", receipt.id), dossier.invoice.currency, receipt.currency)
    for prefix, rows in (("re", dossier.refunds), ("dp", dossier.disputes)):
        for row in rows:
            source = receipts.get(row.receipt_id)
            if source is None or row.payment_id != source.payment_id:
                yield Violation("references", public(prefix, row.id), f"a receipt of {dossier.public_id}", "another's")
            elif prefix == "re" and row.currency != source.currency:
                yield Violation("references", public(prefix, row.id), source.currency, row.currency)
    for entry in dossier.credits:
        invoice = dossier.invoice
        if invoice and (entry.customer_id, entry.currency) != (invoice.customer_id, invoice.currency):
            yield Violation("references", public("cre", entry.id), f"{dossier.public_id}'s customer", "another's")
    for payment in dossier.payments:
        if dossier.invoice and payment.currency != dossier.invoice.currency:
            yield Violation("references", public("pay", payment.id), dossier.invoice.currency, payment.currency)
