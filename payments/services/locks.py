"""Taking the locks that everything about a payment needs: the invoice's, then its own."""

from config.kernel import db
from config.kernel.errors import NotFound
from config.kernel.prepared import Select
from invoices import services as invoices
from invoices.models import Invoice
from payments.models import Payment

_by_id = Select(Payment.objects.all(), "id")
_locked = Select(Payment.objects.select_for_update(), "id")


class PaymentNotFound(NotFound):
    """There is no payment {id}."""

    code = "payment_not_found"


def find(payment_id: str) -> Payment:
    """The payment, not locked. Raises PaymentNotFound."""
    return _by_id.one_or(PaymentNotFound, payment_id)


def lock(payment_id: str) -> tuple[Invoice, Payment]:
    """Requires a transaction. The invoice and the payment, locked, as they are now. Raises PaymentNotFound."""
    db.require_transaction()
    return lock_both(find(payment_id))


def try_lock(payment_id: str) -> tuple[Invoice, Payment] | None:
    """Requires a transaction. As `lock`, but None at once when a row is held by others: for sweeps, which come back.

    SQLite has no row locks: there the transaction itself has waited.
    """
    db.require_transaction()
    unlocked = find(payment_id)
    invoice = Invoice.objects.select_for_update(skip_locked=True).filter(id=unlocked.invoice_id).first()
    payment = Payment.objects.select_for_update(skip_locked=True).filter(id=unlocked.id).first()
    return (invoice, payment) if invoice and payment else None


def lock_both(unlocked: Payment) -> tuple[Invoice, Payment]:
    """Requires a transaction. As `lock`, for a payment that was read without a lock to learn its invoice."""
    invoice = invoices.lock_invoice(unlocked.invoice_id)
    return invoice, _locked.one_or(PaymentNotFound, unlocked.id)
