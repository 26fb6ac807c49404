"""How an invoice moves: payments go live on it and end, money is applied to it, or it is voided."""

import datetime
from fractions import Fraction

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import NotFound
from config.kernel.prepared import Select
from invoices import events
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import Customer, Invoice
from invoices.services import credit, reversing
from invoices.services.customers import lock_customer
from outbox import services as outbox
from outbox.states import advance

_unlocked = Select(Invoice.objects.all(), "id")
_locked = Select(Invoice.objects.select_for_update(), "id")


class InvoiceNotFound(NotFound):
    """There is no invoice {id}."""

    code = "invoice_not_found"


@db.transaction(idempotent=False)
def void_invoice(*, actor: Principal, invoice_id: str, reason: str = "") -> Invoice:
    """Nobody owes it any more: its journal is reversed, and credit that had paid a part is the customer's again.

    Raises InvoiceNotFound, ForbiddenTransition unless it is open or failed, and LinesReversed.
    """
    customer_id = _unlocked.one_or(InvoiceNotFound, invoice_id).customer_id
    customer = lock_customer(customer_id) if customer_id else None
    invoice = lock_invoice(invoice_id)
    void(invoice=invoice, customer=customer, actor=actor, reason=reason)
    return invoice


def void(*, invoice: Invoice, customer: Customer | None, actor: Principal, reason: str = "") -> None:
    """Requires the invoice's lock, and before it that of its customer, if it has one. As `void_invoice`."""
    db.require_transaction()
    credited, invoice.amount_credited = invoice.amount_credited, 0
    invoice.voided_at = clock.now()
    _move(invoice, "void", events.InvoiceVoided, actor, reason, "voided_at", "amount_credited")
    tax = _tax_in(invoice, invoice.amount) - _tax_in(invoice, invoice.amount_paid)
    unpaid = invoice.amount - invoice.amount_paid
    ledger.post_entries(
        kind=JournalKind.INVOICE_VOIDED,
        source=invoice.id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        entries={accounts.REVENUE: unpaid - tax, accounts.TAX_PAYABLE: tax, accounts.RECEIVABLE: -unpaid},
    )
    if customer is not None:
        reversing.refuse_if_reversed(invoice)
        if credited:
            credit.return_credit(customer=customer, invoice=invoice, amount=credited, actor=actor, reason=reason)


def lock_invoice(invoice_id: str) -> Invoice:
    """Requires a transaction. The invoice under its row lock, as it is now. Raises InvoiceNotFound."""
    db.require_transaction()
    return _locked.one_or(InvoiceNotFound, invoice_id)


def start_payment(*, invoice: Invoice, actor: Principal, reason: str = "") -> None:
    """Requires the invoice's lock. Open or failed → processing. Raises ForbiddenTransition."""
    db.require_transaction()
    invoice.attempts += 1
    _move(invoice, "process", events.InvoiceProcessing, actor, reason, "attempts")


def end_payment(
    *,
    invoice: Invoice,
    may_retry: bool,
    actor: Principal,
    reason: str = "",
    next_attempt_at: datetime.datetime | None = None,
) -> None:
    """Requires the invoice's lock. The live payment ended without money: processing → open, or failed for good.

    With `next_attempt_at` another payment will be made then unless something happens to the invoice before.
    """
    db.require_transaction()
    if may_retry:
        _move(invoice, "reopen", events.InvoiceReopened, actor, reason, next_attempt_at=next_attempt_at)
    else:
        _move(invoice, "fail", events.InvoiceFailed, actor, reason)


def stop_retrying(*, invoice: Invoice) -> None:
    """Requires the invoice's lock. No payment will be made by itself."""
    db.require_transaction()
    if invoice.next_attempt_at is not None:
        invoice.next_attempt_at = None
        invoice.save(update_fields=["next_attempt_at"])


def apply_money(*, invoice: Invoice, receipt_id: str, amount: int, actor: Principal, reason: str = "") -> None:
    """Requires the invoice's lock. At most what is due is paid, and the books say from what; paid whole, it is paid.

    Paid in part it stays as it is, and no payment is made by itself; who holds its live payment releases it.
    """
    db.require_transaction()
    assert 0 < amount <= invoice.amount_due, (invoice.id, amount, invoice.amount_due)
    invoice.amount_paid += amount
    if invoice.amount_due == 0:
        invoice.paid_at = clock.now()
        _move(invoice, "pay", events.InvoicePaid, actor, reason, "amount_paid", "paid_at")
    else:
        invoice.next_attempt_at = None
        invoice.save(update_fields=["amount_paid", "next_attempt_at"])
    ledger.post(
        kind=JournalKind.RECEIPT_APPLIED,
        source=receipt_id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        debit=accounts.UNAPPLIED,
        credit=accounts.RECEIVABLE,
        amount=amount,
    )


def refund_money(*, invoice: Invoice, refund_id: str, amount: int, holder: str) -> None:
    """Requires the invoice's lock. Money that had paid it has left the account `holder`, its tax with it.

    The tax is in proportion to all that was refunded so far, so that it adds up to the whole whatever the steps.
    """
    db.require_transaction()
    tax = _tax_in(invoice, invoice.amount_refunded + amount) - _tax_in(invoice, invoice.amount_refunded)
    invoice.amount_refunded += amount
    invoice.save(update_fields=["amount_refunded"])
    ledger.post_entries(
        kind=JournalKind.REFUND,
        source=refund_id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        entries={accounts.REFUNDS: amount - tax, accounts.TAX_PAYABLE: tax, holder: -amount},
    )


def _tax_in(invoice: Invoice, amount: int) -> int:
    """The tax in `amount` of the invoice, in proportion, halves to even."""
    return round(Fraction(invoice.tax_amount * amount, invoice.amount))


def _move(
    invoice: Invoice,
    action: str,
    event: type[events.InvoiceEvent],
    actor: Principal,
    reason: str,
    *fields: str,
    next_attempt_at: datetime.datetime | None = None,
) -> None:
    """The one step: transition, record, save. Whatever happens to an invoice clears its next payment."""
    advance(invoice, action)
    invoice.next_attempt_at = next_attempt_at
    outbox.record(source=invoice, event=events.of_invoice(event, invoice), actor=actor, reason=reason)
    invoice.save(update_fields=["status", "next_attempt_at", *fields])
