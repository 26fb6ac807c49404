"""A way out of review: staff says whether a payment has succeeded or failed, and what becomes of its money."""

import dataclasses

from config.api.principals import Principal
from config.kernel import clock, db, money
from config.kernel.errors import Conflict, ForbiddenTransition
from invoices import services as invoices
from invoices.models import Invoice
from invoices.states import InvoiceStatus
from outbox.states import advance
from payments import events
from payments.models import Payment, Receipt
from payments.providers.base import Succeeded
from payments.services import receipts
from payments.services.by_hand import ReferenceTaken
from payments.services.disposing import Disposition, dispose
from payments.services.locks import lock
from payments.services.recording import record_payment
from payments.services.refunds import giving_back
from payments.states import PaymentStatus

RESOLVED_BY_HAND = "resolved_by_hand"
"""The failure code of a payment that a person has failed out of review."""

_ENDS: dict[str, tuple[str, type[events.PaymentEvent]]] = {
    PaymentStatus.SUCCEEDED: ("succeed", events.PaymentSucceeded),
    PaymentStatus.FAILED: ("fail", events.PaymentFailed),
}


class NoMoneyKnown(Conflict):
    """Payment {payment_id} cannot have succeeded: no money of it is booked. Say which capture of the provider's it is.

    The capture's reference, amount and currency are on the provider's own pages.
    """

    code = "no_money_known"


@dataclasses.dataclass(frozen=True)
class Capture:
    """Money that the provider has in the payment's account under its `reference`, and nobody has told us of."""

    reference: str
    amount: int
    currency: str


@db.transaction(idempotent=False, looks_again=True)
def resolve_payment(
    *,
    actor: Principal,
    payment_id: str,
    status: str,
    disposition: Disposition = Disposition.KEEP,
    capture: Capture | None = None,
    reason: str = "",
) -> Payment:
    """A payment in review has "succeeded" or "failed" (`status`); its unapplied money is disposed of.

    The invoice is paid, or open with what is still due, for which no payment is made by itself; without `disposition`
    the money stays unapplied. Raises PaymentNotFound, ForbiddenTransition unless it is in review, NoMoneyKnown,
    InvalidMoney, ReferenceTaken, NotDisposable, PaymentDisputed.
    """
    if capture is not None:
        money.check_amount(capture.amount, field="capture.amount")
        money.check_currency(capture.currency, field="capture.currency")
    invoice, payment = lock(payment_id)
    check_resolvable(payment)
    unapplied = list(Receipt.objects.filter(payment=payment, amount_unapplied__gt=0).order_by("id"))
    if capture is not None:
        unapplied.append(_book(invoice, payment, capture, actor, reason))
    elif status == PaymentStatus.SUCCEEDED and not payment.receipts.exists():
        raise NoMoneyKnown(payment_id=payment.id)
    _end(invoice, payment, status, actor, reason)
    dispose(invoice=invoice, payment=payment, money=unapplied, disposition=disposition, actor=actor, reason=reason)
    _release(invoice, payment, actor, reason)
    return payment


def check_resolvable(payment: Payment) -> None:
    """A person may say how it ended. Raises ForbiddenTransition."""
    if payment.status != PaymentStatus.REVIEW:
        raise ForbiddenTransition(action="resolve", resource="payment", status=payment.status, id=payment.id)


def _book(invoice: Invoice, payment: Payment, capture: Capture, actor: Principal, reason: str) -> Receipt:
    """A receipt like any other."""
    said = Succeeded(capture.reference, capture.amount, capture.currency, payment.provider_account)
    taken = Receipt.objects.filter(
        provider=payment.provider, provider_account=said.account, provider_reference=said.reference
    ).first()
    if taken:
        raise ReferenceTaken(reference=said.reference, receipt_id=taken.id, payment_id=taken.payment_id)
    if not payment.provider_reference:
        payment.provider_reference = said.reference
        record_payment(invoice=invoice, payment=payment, event=events.PaymentSubmitted, actor=actor, reason=reason)
    return receipts.book(invoice=invoice, payment=payment, outcome=said, actor=actor, reason=reason)


def _end(invoice: Invoice, payment: Payment, status: str, actor: Principal, reason: str) -> None:
    action, event = _ENDS[status]
    if status == PaymentStatus.FAILED:
        payment.failure_code = RESOLVED_BY_HAND
        payment.failure_retryable = False
    payment.live_invoice = None
    payment.ended_at = clock.now()
    advance(payment, action)
    record_payment(invoice=invoice, payment=payment, event=event, actor=actor, reason=reason)
    payment.save()


def _release(invoice: Invoice, payment: Payment, actor: Principal, reason: str) -> None:
    """The invoice is nobody's any more: money of other attempts that was held back pays it, or it is open."""
    held = [receipt for receipt in receipts.held_for(invoice) if receipt.payment_id != payment.id]
    for receipt in held:
        if invoice.status == InvoiceStatus.PROCESSING and receipts.pays(receipt, invoice):
            receipts.apply(invoice=invoice, receipt=receipt, actor=actor, reason=reason)
            giving_back.give_back_surplus(invoice=invoice, actor=actor, spared=payment)
    if invoice.status == InvoiceStatus.PROCESSING:
        invoices.end_payment(invoice=invoice, may_retry=True, actor=actor, reason=reason)
