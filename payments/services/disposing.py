"""What becomes of money that has arrived and pays nothing: staff applies it to its invoice, or gives it back.

Nobody decides that by itself where an invoice is voided, or what pays it is the money of others: such receipts stay in
the staff's queue (unapplied) until one of these is called.
"""

import enum
from collections.abc import Sequence

from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Conflict, NotFound
from config.kernel.fields import by_id_or
from invoices.models import Invoice
from invoices.states import InvoiceStatus
from payments.models import Payment, Receipt
from payments.services import receipts, retrying
from payments.services.locks import lock_both
from payments.services.refunds import giving_back, reserving
from payments.states import ReceiptStatus


class Disposition(enum.StrEnum):
    """Apply as much as is due, return all, split: apply what is due and return the rest; keep: nothing changes."""

    APPLY = "apply"
    RETURN = "return"
    SPLIT = "split"
    KEEP = "keep"


DISPOSITIONS = tuple(disposition for disposition in Disposition if disposition != Disposition.KEEP)
"""What may become of money that is to be disposed of: something."""
_APPLYING = (Disposition.APPLY, Disposition.SPLIT)
_RETURNING = (Disposition.RETURN, Disposition.SPLIT)


class ReceiptNotFound(NotFound):
    """There is no receipt {id}."""

    code = "receipt_not_found"


class NotDisposable(Conflict):
    """Cannot dispose of the money of {id}: {problem}."""

    code = "not_disposable"


def dispose_receipt(*, actor: Principal, receipt_id: str, disposition: Disposition, reason: str = "") -> Receipt:
    """Apply, return or split what the receipt has unapplied.

    An invoice that is paid by it is done with, and other money that has come for it goes back; paid in part it is open
    for the rest, which no payment is made for by itself. Raises ReceiptNotFound, NotDisposable, PaymentDisputed.
    """
    return _dispose(
        actor=actor,
        known=by_id_or(ReceiptNotFound, Receipt.objects.select_related("payment"), receipt_id),
        disposition=disposition,
        reason=reason,
    )


@db.transaction(idempotent=False)
def _dispose(*, actor: Principal, known: Receipt, disposition: Disposition, reason: str) -> Receipt:
    invoice, payment = lock_both(known.payment)
    receipt = Receipt.objects.get(id=known.id)
    check_disposable(receipt)
    if disposition in _APPLYING and invoice.status == InvoiceStatus.PROCESSING:
        raise NotDisposable(id=receipt.id, problem=f"a payment of invoice {invoice.id} is live and may still pay it")
    dispose(invoice=invoice, payment=payment, money=[receipt], disposition=disposition, actor=actor, reason=reason)
    return receipt


def check_disposable(receipt: Receipt) -> None:
    """It has money that pays nothing. Raises NotDisposable."""
    if not receipt.amount_unapplied:
        raise NotDisposable(id=receipt.id, problem="nothing of it is unapplied")


def dispose(
    *,
    invoice: Invoice,
    payment: Payment,
    money: Sequence[Receipt],
    disposition: Disposition,
    actor: Principal,
    reason: str,
) -> None:
    """Requires both locks, and that no payment of the invoice is live. `money` are receipts of `payment`.

    What a lost dispute has taken has gone back already, and stays unapplied. Raises NotDisposable when nothing can be
    applied that is to be, or nothing is left to go back; PaymentDisputed.
    """
    db.require_transaction()
    if disposition != Disposition.KEEP and not any(receipt.amount_unapplied for receipt in money):
        raise NotDisposable(id=payment.id, problem="nothing of it is unapplied")
    if disposition in _APPLYING:
        _apply(invoice, money, actor, reason)
    if disposition in _RETURNING:
        _give_back(invoice, payment, money, actor, reason)
    if disposition in _APPLYING and invoice.status == InvoiceStatus.PAID:
        giving_back.give_back_surplus(invoice=invoice, actor=actor, spared=payment)


def _apply(invoice: Invoice, money: Sequence[Receipt], actor: Principal, reason: str) -> None:
    """As far as it reaches and something is due, oldest first; a receipt pays once, and only in its own currency."""
    applied = False
    for receipt in money:
        is_usable = receipt.status == ReceiptStatus.UNAPPLIED and receipt.currency == invoice.currency
        if is_usable and receipt.amount_unapplied and invoice.amount_due:
            retrying.stop(invoice=invoice, actor=actor, reason=f"{receipt.id} pays it, or some of it")
            receipts.apply(invoice=invoice, receipt=receipt, actor=actor, reason=reason)
            applied = True
    if not applied:
        due = f"{invoice.amount_due} {invoice.currency} (minor units) are due on invoice {invoice.id}"
        raise NotDisposable(id=money[0].id, problem=f"none of it can be applied; {due}")


def _give_back(invoice: Invoice, payment: Payment, money: Sequence[Receipt], actor: Principal, reason: str) -> None:
    unapplied = [receipt for receipt in money if receipt.amount_unapplied]
    if not unapplied:
        return
    reserving.check_undisputed(payment, left=sum(receipt.amount_unapplied for receipt in unapplied))
    leaving = {receipt: left for receipt in unapplied if (left := _returnable(receipt))}
    if not leaving:
        raise NotDisposable(id=unapplied[0].id, problem="a lost dispute has taken it already")
    for receipt, amount in leaving.items():
        giving_back.give_back(invoice=invoice, receipt=receipt, amount=amount, actor=actor, reason=reason)


def _returnable(receipt: Receipt) -> int:
    """What it has unapplied, less what lost disputes have taken: they take of what has paid the invoice first."""
    taken = max(0, reserving.amount_lost(receipt) - receipt.amount_refundable)
    left: int = receipt.amount_unapplied - taken
    return max(0, left)
