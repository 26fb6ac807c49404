"""A declined payment is tried again by itself, as the invoice's policy says: a new payment, never the old one again."""

import datetime
import logging

from django.conf import settings

from config.api.principals import Principal, system
from config.kernel import clock, correlation, db
from config.kernel.errors import Invalid
from invoices import services as invoices
from invoices.models import Invoice
from payments import events
from payments.models import Payment
from payments.providers import registry
from payments.services import receipts
from payments.services.recording import record_payment
from payments.services.requesting import request_payment
from payments.services.sweeping import take_up_each
from payments.services.terms import PaymentTerms, default_payment_method, means_for

logger = logging.getLogger(__name__)

ACTOR = system("payments.retry")


def end_declined(*, invoice: Invoice, payment: Payment, actor: Principal, reason: str = "") -> None:
    """Requires both locks. `payment` was declined: the invoice is open and tried again later, or has failed.

    Nothing is tried by itself at a provider where a person settles, nor where somebody wanted the payment canceled; the
    invoice is just open then.
    """
    db.require_transaction()
    tries_itself = registry.get(payment.provider).settles_itself and payment.cancel_requested_at is None
    if not (payment.failure_retryable and tries_itself):
        invoices.end_payment(invoice=invoice, may_retry=bool(payment.failure_retryable), actor=actor, reason=reason)
        return
    delay = invoices.RetryPolicy.from_json(invoice.retry_policy).delay_after(invoice.attempts)
    if delay is None:
        invoices.end_payment(invoice=invoice, may_retry=False, actor=actor, reason="no try is left")
        return
    next_attempt_at = clock.now() + delay
    invoices.end_payment(invoice=invoice, may_retry=True, actor=actor, reason=reason, next_attempt_at=next_attempt_at)
    record_payment(
        invoice=invoice,
        payment=payment,
        event=events.PaymentRetryScheduled,
        actor=actor,
        reason=reason,
        next_attempt_at=next_attempt_at,
    )


def stop(*, invoice: Invoice, actor: Principal, reason: str) -> None:
    """Requires the invoice's lock. If an attempt is scheduled it is not made, and the log says why."""
    db.require_transaction()
    if invoice.next_attempt_at is None:
        return
    invoices.stop_retrying(invoice=invoice)
    record_payment(
        invoice=invoice, payment=_latest(invoice), event=events.PaymentRetryStopped, actor=actor, reason=reason
    )


def retry_due(*, limit: int = 100, budget_seconds: float = 5.0) -> int:
    """Make the next payment of each invoice whose time has come, and return how many were made.

    Stops after `budget_seconds` of real time; what somebody else has locked, or cannot be taken up, waits for later.
    """
    due = Invoice.objects.filter(next_attempt_at__lte=clock.now()).order_by("next_attempt_at", "id")
    ids = list(due.values_list("id", flat=True)[:limit])
    made: list[bool] = []
    take_up_each(
        ids,
        take_up=lambda invoice_id: made.append(_retry(invoice_id)),
        put_off=_put_off,
        budget_seconds=budget_seconds,
    )
    return sum(made)


@db.transaction(idempotent=True)
def _retry(invoice_id: str) -> bool:
    """Whether a payment was made. One transaction for each, so that a bad one undoes no other."""
    invoice = _lock_due(invoice_id)
    if invoice is None:
        return False
    latest = _latest(invoice)
    with correlation.bind(correlation.accept_or_new(latest.correlation_id), invoice_id=invoice.id):
        terms = _terms_again(latest)
        if obstacle := _obstacle(invoice, latest, terms):
            logger.warning("invoice %s is not tried again: %s", invoice.id, obstacle)
            stop(invoice=invoice, actor=ACTOR, reason=obstacle)
            return False
        reason = f"attempt {latest.attempt} was declined"
        request_payment(invoice=invoice, terms=terms, actor=ACTOR, key=None, reason=reason)
    return True


def _lock_due(invoice_id: str) -> Invoice | None:
    """None when somebody else has it, or something has happened to it since it was found."""
    invoice = Invoice.objects.select_for_update(skip_locked=True).filter(id=invoice_id).first()
    is_due = invoice is not None and invoice.next_attempt_at is not None and invoice.next_attempt_at <= clock.now()
    return invoice if is_due else None


def _latest(invoice: Invoice) -> Payment:
    return invoice.payments.order_by("-attempt")[0]


def _terms_again(latest: Payment) -> PaymentTerms:
    """The same token, whatever the customer's default is by now; that takes its place only once it is detached."""
    method = latest.attached_method
    if method is None:
        return PaymentTerms(provider=latest.provider, payment_method=latest.payment_method)
    if not method.is_attached:
        method = default_payment_method(method.customer_id) or method
    return PaymentTerms(payment_method=method.id)


def _obstacle(invoice: Invoice, latest: Payment, terms: PaymentTerms) -> str:
    """Why nothing can be tried by itself any more: whoever pays by hand chooses anew. Empty when nothing is wrong.

    A payment method is a token of one account, so it is sent to no other.
    """
    if latest.attached_method_id:
        try:
            means_for(invoice.customer_id, terms)
        except Invalid as error:
            return error.detail
    elif latest.provider not in settings.PROVIDERS:
        return f"{latest.provider} is no longer configured"
    elif registry.get(latest.provider).account != latest.provider_account:
        return f"{latest.provider} is no longer configured for the account {latest.provider_account}"
    if any(receipts.held_for(invoice)):
        return "money has arrived that somebody has to dispose of"
    return ""


@db.transaction(idempotent=False)
def _put_off(invoice_id: str) -> None:
    """One invoice that cannot be taken up must not stand in the way of the others."""
    invoice = _lock_due(invoice_id)
    if invoice is not None:
        invoice.next_attempt_at = clock.now() + datetime.timedelta(seconds=settings.SUBMIT_LEASE_SECONDS)
        invoice.save(update_fields=["next_attempt_at"])
