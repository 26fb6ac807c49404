"""A client asks for money: a payment row is created, and nothing has been sent yet. See ADRs 1 and 2."""

import datetime
from collections.abc import Callable

from django.conf import settings

from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay, insert_once, key_fields
from config.api.principals import Principal
from config.celery import nudge
from config.kernel import clock, correlation, db
from config.kernel.errors import Conflict
from invoices import services as invoices
from invoices.models import Invoice
from invoices.states import InvoiceStatus
from payments import events
from payments.models import Payment
from payments.services.recording import record_payment
from payments.services.terms import Means, PaymentTerms, means_for


class PaymentAlreadyLive(Conflict):
    """Cannot pay invoice {invoice_id} in processing status: payment {payment_id} is still live."""

    code = "payment_already_live"


class InvoiceNotPayable(Conflict):
    """Cannot pay invoice {invoice_id} in {status} status."""

    code = "invoice_not_payable"


class AmountDiffers(Conflict):
    """Invoice {invoice_id} has {amount_due} {currency} due (minor units); it can only be paid whole."""

    code = "amount_differs"


def pay_invoice(
    *,
    actor: Principal,
    invoice_id: str,
    terms: PaymentTerms,
    key: IdempotencyKey,
    amount: int | None = None,
    currency: str | None = None,
    reason: str = "",
) -> Created[Payment]:
    """A new payment over what is due, or the one an earlier request with this key made. Staff says why in `reason`.

    Raises InvoiceNotFound, IdempotencyKeyReused, AmountDiffers, PaymentAlreadyLive, InvoiceNotPayable, and as
    `means_for`.
    """

    def pay() -> Created[Payment]:
        invoice = invoices.lock_invoice(invoice_id)
        if not actor.sees(invoice.customer_id):
            raise invoices.InvoiceNotFound(id=invoice_id)
        return _pay(actor=actor, invoice=invoice, terms=terms, key=key, amount=amount, currency=currency, reason=reason)

    return _pay_once(key, pay)


def pay_order(
    *, actor: Principal, new: invoices.NewInvoice, terms: PaymentTerms, key: IdempotencyKey
) -> Created[Payment]:
    """Pay the invoice of `new.order_id`, issued first when new. Raises OrderAmountDiffers, else as pay_invoice."""

    def pay() -> Created[Payment]:
        invoice = invoices.issue_for_order(actor=actor, new=new)
        return _pay(actor=actor, invoice=invoice, terms=terms, key=key)

    return _pay_once(key, pay)


def _pay_once(key: IdempotencyKey, pay: Callable[[], Created[Payment]]) -> Created[Payment]:
    """The payment that `pay` makes in a transaction, or the one an earlier request with this key made."""
    created = find_earlier(Payment, key) or _unless_paid_meanwhile(key, pay)
    correlation.note(payment_id=created.row.id, invoice_id=created.row.invoice_id)
    return created


@db.transaction(idempotent=True)
def _unless_paid_meanwhile(key: IdempotencyKey, pay: Callable[[], Created[Payment]]) -> Created[Payment]:
    """What another request with the same key has just done is no reason to refuse this one."""
    try:
        return pay()
    except Conflict:
        if earlier := find_replay(Payment, key):
            return earlier
        raise


def _pay(
    *,
    actor: Principal,
    invoice: Invoice,
    terms: PaymentTerms,
    key: IdempotencyKey | None,
    amount: int | None = None,
    currency: str | None = None,
    reason: str = "",
) -> Created[Payment]:
    _check_payable(invoice, amount, currency)
    means = means_for(invoice.customer_id, terms)
    created = insert_once(Payment, key, lambda: _insert(invoice=invoice, means=means, key=key))
    if created.is_new:
        _begin(invoice=invoice, payment=created.row, actor=actor, reason=reason)
    return created


def request_payment(
    *, invoice: Invoice, terms: PaymentTerms, actor: Principal, key: IdempotencyKey | None, reason: str = ""
) -> Payment:
    """Requires the invoice's lock. A payment over what is due, or the one that a request with this key has just made.

    Without a key the lock and the attempt's number make it once. Raises PaymentAlreadyLive, InvoiceNotPayable,
    IdempotencyKeyReused, and as `means_for`.
    """
    db.require_transaction()
    if earlier := find_replay(Payment, key):
        return earlier.row
    return _pay(actor=actor, invoice=invoice, terms=terms, key=key, reason=reason).row


def _begin(*, invoice: Invoice, payment: Payment, actor: Principal, reason: str) -> None:
    record_payment(invoice=invoice, payment=payment, event=events.PaymentRequested, actor=actor, reason=reason)
    invoices.start_payment(invoice=invoice, actor=actor, reason=reason)
    db.after_commit(lambda: nudge("payments.submit", payment.id))


def _check_payable(invoice: Invoice, amount: int | None, currency: str | None) -> None:
    if invoice.status == InvoiceStatus.PROCESSING:
        live = Payment.objects.values_list("id", flat=True).get(live_invoice=invoice)
        raise PaymentAlreadyLive(invoice_id=invoice.id, payment_id=live)
    if invoice.status not in (InvoiceStatus.OPEN, InvoiceStatus.FAILED):
        raise InvoiceNotPayable(invoice_id=invoice.id, status=invoice.status)
    if (amount or invoice.amount_due, currency or invoice.currency) != (invoice.amount_due, invoice.currency):
        raise AmountDiffers(invoice_id=invoice.id, amount_due=invoice.amount_due, currency=invoice.currency)


def _insert(*, invoice: Invoice, means: Means, key: IdempotencyKey | None) -> Payment:
    now = clock.now()
    return Payment.objects.create(
        invoice=invoice,
        live_invoice=invoice,
        attempt=invoice.attempts + 1,
        amount=invoice.amount_due,
        currency=invoice.currency,
        provider=means.provider.name,
        provider_account=means.provider.account,
        payment_method=means.token,
        attached_method_id=means.method_id,
        correlation_id=correlation.current(),
        created_at=now,
        available_at=now + datetime.timedelta(seconds=settings.SUBMIT_GRACE_SECONDS),
        **key_fields(key),
    )
