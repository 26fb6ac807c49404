"""A person says how a refund ended: of a bank transfer or cash, or one that nobody could find out about."""

from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Conflict, ForbiddenTransition
from payments.models import Receipt, Refund
from payments.providers import registry
from payments.providers.base import Declined, Outcome, Succeeded
from payments.services.by_hand import NotManual
from payments.services.outcomes import EventResult
from payments.services.refunds.locks import lock_refund
from payments.services.refunds.outcomes import apply_refund_outcome
from payments.states import REFUND_LIVE, RefundStatus


class RefundNotManual(NotManual):
    """Refund {refund_id} is settled by {provider}; by hand only when that has not told how it ended after days."""


class RefundReferenceTaken(Conflict):
    """The reference {reference} cannot be that of refund {refund_id}, which has another, or it is another refund's."""

    code = "refund_reference_taken"


@db.transaction(idempotent=False, looks_again=True)
def confirm_refund(*, actor: Principal, refund_id: str, reference: str = "", reason: str = "") -> Refund:
    """The whole amount has gone back. `reference` is the bank's or the provider's, unique per account; may be empty.

    Raises RefundNotFound, RefundNotManual, ForbiddenTransition, RefundReferenceTaken.
    """
    invoice, payment, refund = lock_refund(refund_id)
    check_refund_settled_by_hand(refund, action="confirm")
    said: Outcome = Succeeded(reference, refund.amount, refund.currency, refund.provider_account)
    result = apply_refund_outcome(
        invoice=invoice, payment=payment, refund=refund, outcome=said, actor=actor, reason=reason
    )
    if result != EventResult.APPLIED or refund.status != RefundStatus.SUCCEEDED:
        raise RefundReferenceTaken(reference=reference, refund_id=refund.id)
    return refund


@db.transaction(idempotent=False)
def fail_refund(*, actor: Principal, refund_id: str, failure_code: str, reason: str = "") -> Refund:
    """The money has not gone back and will not: the receipt has it again. A transfer that came back is booked anew.

    What the provider says later of a refund that it had not told the end of is taken for one it made without us, so
    that no money goes unbooked. Raises RefundNotFound, RefundNotManual, ForbiddenTransition.
    """
    invoice, payment, refund = lock_refund(refund_id)
    check_refund_settled_by_hand(refund, action="fail")
    if registry.get(refund.provider).settles_itself:
        refund.provider_reference = None
    said = Declined(code=failure_code, retryable=False, message=reason)
    apply_refund_outcome(invoice=invoice, payment=payment, refund=refund, outcome=said, actor=actor, reason=reason)
    return refund


def check_refund_settled_by_hand(refund: Refund, *, action: str) -> None:
    """A person may "confirm" or "fail" (`action`) this refund now. Raises RefundNotManual, ForbiddenTransition."""
    is_by_hand = not registry.get(refund.provider).settles_itself
    may_have_come_back = is_by_hand and action == "fail" and refund.status == RefundStatus.SUCCEEDED
    if may_have_come_back and not Receipt.objects.filter(returned_refund=refund).exists():
        return
    if refund.status not in REFUND_LIVE:
        raise ForbiddenTransition(action=action, resource="refund", status=refund.status, id=refund.id)
    is_given_up = refund.status == RefundStatus.UNKNOWN and refund.available_at is None
    if not is_by_hand and not is_given_up:
        raise RefundNotManual(refund_id=refund.id, provider=refund.provider)
