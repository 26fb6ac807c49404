"""How an invoice moves: payments go live on it and end, money is applied to it, or it is voided."""

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import NotFound
from config.kernel.prepared import Select
from invoices import events
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import Invoice
from outbox import services as outbox
from outbox.states import advance

_locked = Select(Invoice.objects.select_for_update(), "id")


class InvoiceNotFound(NotFound):
    """There is no invoice {id}."""

    code = "invoice_not_found"


@db.transaction(idempotent=False)
def void_invoice(*, actor: Principal, invoice_id: str, reason: str = "") -> Invoice:
    """Nobody owes it any more: its journal is reversed.

    Raises InvoiceNotFound, and ForbiddenTransition unless it is open or failed.
    """
    invoice = lock_invoice(invoice_id)
    invoice.voided_at = clock.now()
    _move(invoice, "void", events.InvoiceVoided, actor, reason, "voided_at")
    ledger.post(
        kind=JournalKind.INVOICE_VOIDED,
        source=invoice.id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        debit=accounts.REVENUE,
        credit=accounts.RECEIVABLE,
        amount=invoice.amount - invoice.amount_paid,
    )
    return invoice


def lock_invoice(invoice_id: str) -> Invoice:
    """Requires a transaction. The invoice under its row lock, as it is now. Raises InvoiceNotFound."""
    db.require_transaction()
    return _locked.one_or(InvoiceNotFound, invoice_id)


def start_payment(*, invoice: Invoice, actor: Principal, reason: str = "") -> None:
    """Requires the invoice's lock. Open or failed → processing. Raises ForbiddenTransition."""
    db.require_transaction()
    invoice.attempts += 1
    _move(invoice, "process", events.InvoiceProcessing, actor, reason, "attempts")


def end_payment(*, invoice: Invoice, may_retry: bool, actor: Principal, reason: str = "") -> None:
    """Requires the invoice's lock. The live payment ended without money: processing → open, or failed for good."""
    db.require_transaction()
    if may_retry:
        _move(invoice, "reopen", events.InvoiceReopened, actor, reason)
    else:
        _move(invoice, "fail", events.InvoiceFailed, actor, reason)


def apply_money(*, invoice: Invoice, receipt_id: str, amount: int, actor: Principal, reason: str = "") -> None:
    """Requires the invoice's lock, and a receipt over exactly what is due: it is paid, and the books say from what."""
    db.require_transaction()
    assert amount == invoice.amount_due, (invoice.id, amount, invoice.amount_due)
    invoice.amount_paid += amount
    invoice.paid_at = clock.now()
    _move(invoice, "pay", events.InvoicePaid, actor, reason, "amount_paid", "paid_at")
    ledger.post(
        kind=JournalKind.RECEIPT_APPLIED,
        source=receipt_id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        debit=accounts.UNAPPLIED,
        credit=accounts.RECEIVABLE,
        amount=amount,
    )


def _move(
    invoice: Invoice, action: str, event: type[events.InvoiceEvent], actor: Principal, reason: str, *fields: str
) -> None:
    """The one step: transition, record, save."""
    advance(invoice, action)
    outbox.record(source=invoice, event=events.of_invoice(event, invoice), actor=actor, reason=reason)
    invoice.save(update_fields=["status", *fields])
