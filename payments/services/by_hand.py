"""Bank transfers and cash: a person or a service says how a manual payment ended."""

from collections.abc import Callable

from django.db import IntegrityError

from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Conflict, ForbiddenTransition
from payments.models import Payment, Receipt
from payments.providers import registry
from payments.providers.base import Declined, Outcome, Succeeded
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.states import AWAITED, PaymentStatus


class NotManual(Conflict):
    """Payment {payment_id} is settled by {provider}; only manual payments are confirmed or failed by hand."""

    code = "not_manual"


class ReferenceTaken(Conflict):
    """The reference {reference} has already been booked for payment {payment_id}, as receipt {receipt_id}."""

    code = "reference_taken"


def confirm_payment(*, actor: Principal, payment_id: str, reference: str = "", reason: str = "") -> Payment:
    """The whole amount has arrived. `reference` is the bank's, unique per account; the payment's id when empty.

    Raises PaymentNotFound, NotManual, ForbiddenTransition, ReferenceTaken.
    """
    try:
        return _confirm(actor=actor, payment_id=payment_id, reference=reference, reason=reason)
    except IntegrityError:
        # Somebody has booked the same reference for another payment since we looked: now it is seen.
        return _confirm(actor=actor, payment_id=payment_id, reference=reference, reason=reason)


@db.transaction(idempotent=False)
def _confirm(*, actor: Principal, payment_id: str, reference: str, reason: str) -> Payment:
    return _settle(
        actor=actor,
        payment_id=payment_id,
        action="confirm",
        reason=reason,
        outcome=lambda payment: Succeeded(
            reference=reference or payment.id,
            amount=payment.amount,
            currency=payment.currency,
            account=payment.provider_account,
        ),
    )


@db.transaction(idempotent=False)
def fail_payment(
    *, actor: Principal, payment_id: str, failure_code: str, retryable: bool = True, reason: str = ""
) -> Payment:
    """The money will not come. The invoice is open again, or failed when `retryable` is false.

    Raises PaymentNotFound, NotManual, ForbiddenTransition.
    """
    return _settle(
        actor=actor,
        payment_id=payment_id,
        action="fail",
        reason=reason,
        outcome=lambda payment: Declined(code=failure_code, retryable=retryable, message=reason),
    )


def check_settled_by_hand(payment: Payment, *, action: str) -> None:
    """A person may "confirm" or "fail" (`action`) this payment now. Raises NotManual, ForbiddenTransition."""
    if registry.get(payment.provider).settles_itself:
        raise NotManual(payment_id=payment.id, provider=payment.provider)
    if payment.status not in AWAITED:
        raise ForbiddenTransition(action=action, resource="payment", status=payment.status, id=payment.id)


def _settle(
    *, actor: Principal, payment_id: str, action: str, reason: str, outcome: Callable[[Payment], Outcome]
) -> Payment:
    invoice, payment = lock(payment_id)
    check_settled_by_hand(payment, action=action)
    said = outcome(payment)
    apply_outcome(invoice=invoice, payment=payment, outcome=said, actor=actor, reason=reason)
    if isinstance(said, Succeeded) and payment.status == PaymentStatus.REVIEW:
        _raise_reference_taken(payment, said.reference)
    return payment


def _raise_reference_taken(payment: Payment, reference: str) -> None:
    """A person can be told at once, so the review is rolled back with everything else."""
    taken = Receipt.objects.get(
        provider=payment.provider, provider_account=payment.provider_account, provider_reference=reference
    )
    raise ReferenceTaken(reference=reference, receipt_id=taken.id, payment_id=taken.payment_id)
