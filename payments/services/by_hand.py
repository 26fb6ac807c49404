"""Bank transfers and cash: a person or a service says how a manual payment ended."""

from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Conflict, ForbiddenTransition
from payments.models import Payment, Receipt
from payments.providers import registry
from payments.providers.base import Declined, Succeeded
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.states import AWAITED, PaymentStatus

_LATE = (PaymentStatus.FAILED, PaymentStatus.CANCELED)
"""It ended without money, which may arrive all the same."""


class NotManual(Conflict):
    """Payment {payment_id} is settled by {provider}; only manual payments are confirmed or failed by hand."""

    code = "not_manual"


class ReferenceTaken(Conflict):
    """The reference {reference} has already been booked for payment {payment_id}, as receipt {receipt_id}."""

    code = "reference_taken"


class LateMoneyUnnamed(Conflict):
    """Payment {payment_id} has ended as {status}: money that arrives for it late is booked by its own reference only.

    Send the reference that the bank's statement or the cash book has for it.
    """

    code = "late_money_unnamed"


@db.transaction(idempotent=False, looks_again=True)
def confirm_payment(*, actor: Principal, payment_id: str, reference: str = "", reason: str = "") -> Payment:
    """The whole amount has arrived. `reference` is the bank's, unique per account; the payment's id when empty.

    For a payment that has failed or was canceled it is late money: the payment stays as it is, and the receipt pays the
    invoice, waits or goes back as a provider's does. It needs a `reference`, and is booked once however often that is
    said. Raises PaymentNotFound, NotManual, ForbiddenTransition, ReferenceTaken, LateMoneyUnnamed.
    """
    invoice, payment = lock(payment_id)
    check_settled_by_hand(payment, action="confirm")
    if payment.status in _LATE and not reference:
        raise LateMoneyUnnamed(payment_id=payment.id, status=payment.status)
    said = Succeeded(
        reference=reference or payment.id,
        amount=payment.amount,
        currency=payment.currency,
        account=payment.provider_account,
    )
    apply_outcome(invoice=invoice, payment=payment, outcome=said, actor=actor, reason=reason)
    _check_reference(payment, said)
    return payment


def _check_reference(payment: Payment, said: Succeeded) -> None:
    """A person can be told at once that other money is booked under it: nothing goes to review for that.

    Asked last, when whatever the outcome has seen of others is seen here too.
    """
    taken = Receipt.objects.filter(
        provider=payment.provider, provider_account=said.account, provider_reference=said.reference
    ).first()
    if taken and (taken.payment_id != payment.id or taken.returned_refund_id):
        raise ReferenceTaken(reference=said.reference, receipt_id=taken.id, payment_id=taken.payment_id)


@db.transaction(idempotent=False)
def fail_payment(
    *, actor: Principal, payment_id: str, failure_code: str, retryable: bool = True, reason: str = ""
) -> Payment:
    """The money will not come. The invoice is open again, or failed when `retryable` is false.

    Raises PaymentNotFound, NotManual, ForbiddenTransition.
    """
    invoice, payment = lock(payment_id)
    check_settled_by_hand(payment, action="fail")
    said = Declined(code=failure_code, retryable=retryable, message=reason)
    apply_outcome(invoice=invoice, payment=payment, outcome=said, actor=actor, reason=reason)
    return payment


def check_settled_by_hand(payment: Payment, *, action: str) -> None:
    """A person may "confirm" or "fail" (`action`) this payment now. Raises NotManual, ForbiddenTransition.

    What has failed or was canceled can still be confirmed, by the reference of the money.
    """
    if registry.get(payment.provider).settles_itself:
        raise NotManual(payment_id=payment.id, provider=payment.provider)
    possible = (*AWAITED, *_LATE) if action == "confirm" else AWAITED
    if payment.status not in possible:
        raise ForbiddenTransition(action=action, resource="payment", status=payment.status, id=payment.id)
