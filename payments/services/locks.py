"""Taking the locks that everything about a payment needs: the invoice's, then its own."""

import contextlib
from collections.abc import Iterator

from config.kernel import correlation, db
from config.kernel.errors import NotFound
from config.kernel.prepared import LockedPair, Select
from invoices.models import Invoice
from payments.models import Payment

_by_id = Select(Payment.objects.all(), "id")
_locked = LockedPair(Invoice, Payment, "invoice")


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


def lock_known(known: Payment, *, wait: bool = True) -> tuple[Invoice, Payment] | None:
    """Requires a transaction. As `lock`, for a payment read before; None at once, without `wait`, when others hold it.

    For sweeps, which come back. SQLite has no row locks: there the transaction itself has waited.
    """
    db.require_transaction()
    return lock_both(known) if wait else _try_lock(known)


def lock_both(known: Payment) -> tuple[Invoice, Payment]:
    """Requires a transaction. As `lock`, for a payment that was read without a lock to learn its invoice."""
    db.require_transaction()
    locked = _locked.one(known.invoice_id, known.id)
    if locked is None:
        raise PaymentNotFound(id=known.id)
    return locked


@contextlib.contextmanager
def correlated(payment_id: str) -> Iterator[Payment]:
    """The payment, unlocked. What is done for it later belongs to the request that asked for it.

    Raises PaymentNotFound.
    """
    payment = find(payment_id)
    correlation_id = payment.correlation_id or correlation.accept_or_new(None)
    with correlation.bind(correlation_id, payment_id=payment.id, invoice_id=payment.invoice_id):
        yield payment


def _try_lock(known: Payment) -> tuple[Invoice, Payment] | None:
    invoice = Invoice.objects.select_for_update(skip_locked=True).filter(id=known.invoice_id).first()
    payment = Payment.objects.select_for_update(skip_locked=True).filter(id=known.id).first()
    return (invoice, payment) if invoice and payment else None
