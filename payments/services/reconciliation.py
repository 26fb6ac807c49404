"""Asking the provider how a payment ended when nobody has told us, and the sweep that finds such payments."""

import dataclasses
import datetime

from django.conf import settings

from config.api.principals import Principal, system
from config.kernel import clock, db
from config.kernel.errors import Conflict, ForbiddenTransition
from invoices.models import Invoice
from payments import events
from payments.models import Payment
from payments.providers import registry
from payments.providers.base import NotFound, Outcome, Unknown
from payments.services import receipts
from payments.services.asking import account_changed, ask
from payments.services.locks import correlated, find, lock_both, lock_known
from payments.services.outcomes import EventResult, lose, send_to_review
from payments.services.recording import record_payment
from payments.services.schedule import delay_after, is_due, is_exhausted, next_reconciliation
from payments.services.submission import charge, record, submit
from payments.services.sweeping import take_up_each
from payments.states import AWAITED, IN_FLIGHT, PaymentStatus

ACTOR = system("payments.reconcile")


class NobodyToAsk(Conflict):
    """Payment {payment_id} is settled by hand: {provider} cannot be asked about it."""

    code = "nobody_to_ask"


def sweep(*, limit: int = 100, budget_seconds: float = 5.0) -> int:
    """Take up what is due: payments no worker submitted, and payments whose end nobody has reported.

    Stops after `budget_seconds` of real time; what somebody else has locked waits. Returns how many it came to.
    """
    due = Payment.objects.filter(status__in=AWAITED, available_at__lte=clock.now()).order_by("available_at", "id")
    statuses = dict(due.values_list("id", "status")[:limit])

    def take_up(payment_id: str) -> None:
        step = submit if statuses[payment_id] == PaymentStatus.CREATED else reconcile
        step(payment_id=payment_id, wait=False)

    return take_up_each(statuses, take_up=take_up, put_off=_put_off, budget_seconds=budget_seconds)


@db.transaction(idempotent=False)
def _put_off(payment_id: str) -> None:
    """One payment that cannot be taken up must not stand in the way of the others.

    One that was never sent waits a little, as often as it takes: there is nothing to find out. One in flight follows
    the schedule and ends in review. One that is no longer due was claimed before it failed: its next try is set.
    """
    locked = lock_known(find(payment_id), wait=False)
    if locked is None or not is_due(locked[1]):
        return
    invoice, payment = locked
    if payment.status == PaymentStatus.CREATED:
        payment.available_at = clock.now() + datetime.timedelta(seconds=settings.SUBMIT_LEASE_SECONDS)
    elif is_exhausted(payment):
        send_to_review(invoice=invoice, payment=payment, actor=ACTOR, reason="it could not be taken up")
        return
    else:
        payment.available_at = clock.now() + delay_after(payment.reconciliations)
        payment.reconciliations += 1
    payment.save(update_fields=["reconciliations", "available_at"])


def reconcile(*, payment_id: str, wait: bool = True) -> EventResult:
    """Ask the provider about a payment in flight that is due; send it again, same key, where that is safe.

    STALE when it is not due, has ended, cannot be asked about, or, without `wait`, is locked. Raises PaymentNotFound.
    """
    with correlated(payment_id) as known:
        claim = _claim(known, wait)
        if claim is None:
            return EventResult.STALE
        outcome = ask(lambda: _inquire(claim))
        return record(payment=claim.payment, outcome=outcome, actor=ACTOR)


def reconcile_now(*, actor: Principal, payment_id: str, reason: str = "") -> EventResult:
    """Staff has the provider asked at once; what it says is recorded as theirs. The schedule goes on as it was.

    STALE when nothing new is known, or the payment is being sent at this moment and the answer on its way. Raises
    PaymentNotFound, ForbiddenTransition unless it is in flight, NobodyToAsk.
    """
    with correlated(payment_id) as known:
        claim = _claim_by_hand(known, actor, reason)
        if claim is None:
            return EventResult.STALE
        outcome = ask(lambda: _inquire(claim))
        return record(payment=claim.payment, outcome=outcome, actor=actor, reason=reason)


def check_reconcilable(payment: Payment) -> None:
    """The provider can be asked about it. Raises ForbiddenTransition, NobodyToAsk."""
    if payment.status not in IN_FLIGHT:
        raise ForbiddenTransition(action="reconcile", resource="payment", status=payment.status, id=payment.id)
    if not registry.get(payment.provider).settles_itself:
        raise NobodyToAsk(payment_id=payment.id, provider=payment.provider)


@dataclasses.dataclass(frozen=True)
class _Claim:
    """A payment to ask about. `may_resend`: nobody wants it canceled, and no other money has come for the invoice."""

    payment: Payment
    may_resend: bool


@db.transaction(idempotent=False)
def _claim(known: Payment, wait: bool) -> _Claim | None:
    """Count the try and set the next one, so that two sweeps do not ask twice. A silent submission becomes unknown."""
    locked = lock_known(known, wait=wait)
    if locked is None:
        return None
    invoice, payment = locked
    if payment.status not in IN_FLIGHT or not is_due(payment) or not registry.get(payment.provider).settles_itself:
        return None
    if is_exhausted(payment):
        send_to_review(invoice=invoice, payment=payment, actor=ACTOR, reason="the provider could not tell how it ended")
        return None
    if payment.status == PaymentStatus.PROCESSING and not payment.provider_reference:
        lose(invoice=invoice, payment=payment, actor=ACTOR, reason="no answer has been recorded in time")
    payment.reconciliations += 1
    payment.available_at = next_reconciliation(payment)
    payment.save()
    return _Claim(payment, may_resend=_is_still_wanted(invoice, payment))


@db.transaction(idempotent=True)
def _claim_by_hand(known: Payment, actor: Principal, reason: str) -> _Claim | None:
    """Nothing is counted: asking often must not bring the payment to review."""
    invoice, payment = lock_both(known)
    check_reconcilable(payment)
    is_being_sent = payment.status == PaymentStatus.PROCESSING and not payment.provider_reference
    if is_being_sent and not is_due(payment):
        return None
    event = events.PaymentReconcileRequested
    record_payment(invoice=invoice, payment=payment, event=event, actor=actor, reason=reason)
    return _Claim(payment, may_resend=_is_still_wanted(invoice, payment))


def _is_still_wanted(invoice: Invoice, payment: Payment) -> bool:
    """Whether it may be sent once more: nobody has asked to cancel it, and no held money would pay the invoice."""
    held = receipts.held_for(invoice)
    return payment.cancel_requested_at is None and not any(receipts.pays(receipt, invoice) for receipt in held)


def _inquire(claim: _Claim) -> Outcome:
    """What the provider knows, having canceled it where that is wanted.

    Not found is never failed: inside the provider's idempotency window the same key is sent again, unless it is no
    longer wanted; a request to cancel that came while we asked is seen.
    """
    payment = claim.payment
    provider = registry.get(payment.provider)
    if provider.account != payment.provider_account:
        return account_changed(payment)
    call = provider.retrieve if payment.cancel_requested_at is None else provider.cancel
    outcome = call(payment_id=payment.id, provider_reference=payment.provider_reference)
    if not isinstance(outcome, NotFound):
        return outcome
    if not claim.may_resend or find(payment.id).cancel_requested_at is not None:
        return Unknown("the provider does not know this payment, which is no longer wanted")
    return charge(payment)
