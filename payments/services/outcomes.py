"""What a provider says becomes state and money here, whoever heard it: a webhook, our call, a reconciliation, staff.

Everything in this module requires the locks of the invoice and of the payment, in that order. Money comes first: every
capture books one receipt, whatever the payment's state: docs/decisions/0004-receipts-are-the-truth-about-money.md.
"""

import enum

from config.api.principals import Principal
from config.celery import nudge
from config.kernel import clock, db
from invoices import services as invoices
from invoices.models import Invoice
from invoices.states import InvoiceStatus
from outbox.states import advance
from payments import events
from payments.models import Payment, Receipt
from payments.providers.base import Canceled, Declined, Outcome, Pending, Succeeded, Unknown
from payments.providers.base import NotFound as UnknownToProvider
from payments.services import receipts, retrying
from payments.services.recording import record_payment
from payments.services.refunds import giving_back
from payments.services.schedule import next_reconciliation
from payments.states import AWAITED, PaymentStatus


class EventResult(enum.StrEnum):
    """What became of one provider event or outcome."""

    APPLIED = "applied"
    STALE = "stale"
    UNHANDLED = "unhandled"
    UNKNOWN_REFERENCE = "unknown_reference"


def apply_outcome(
    *, invoice: Invoice, payment: Payment, outcome: Outcome, actor: Principal, reason: str = ""
) -> EventResult:
    """Requires both locks. Final states never leave, so what comes late or twice is STALE; late money is booked."""
    db.require_transaction()
    step = _Step(invoice, payment, actor, reason)
    match outcome:
        case Succeeded():
            return step.capture(outcome)
        case Declined():
            return step.decline(outcome)
        case Canceled():
            return step.cancel(outcome)
        case Pending():
            return step.pending(outcome)
        case Unknown():
            return step.lose(outcome)
        case UnknownToProvider():
            return step.lose(Unknown("the provider does not know this payment"))


class _Step:
    """One outcome applied to one payment and its invoice, both locked."""

    def __init__(self, invoice: Invoice, payment: Payment, actor: Principal, reason: str) -> None:
        self.invoice = invoice
        self.payment = payment
        self.actor = actor
        self.reason = reason

    def capture(self, outcome: Succeeded) -> EventResult:
        if outcome.amount <= 0:
            return self.refuse(f"captured {outcome.amount} {outcome.currency}, which is no money")
        booked = receipts.booked_for(self.payment, outcome)
        if booked == self.payment.id:
            return EventResult.STALE
        if booked:
            return self.refuse(f"{outcome.reference} has already been booked for {booked}")
        receipt = receipts.book(
            invoice=self.invoice, payment=self.payment, outcome=outcome, actor=self.actor, reason=self.reason
        )
        if not self.payment.is_live:
            self._apply_late(receipt)
        elif self.payment.status != PaymentStatus.REVIEW:
            self._succeed(outcome, receipt)
        return EventResult.APPLIED

    def decline(self, outcome: Declined) -> EventResult:
        if not self.concerns(outcome.reference):
            return EventResult.STALE
        self._begin(outcome.reference)
        self.payment.failure_code = outcome.code[:100]
        self.payment.failure_retryable = outcome.retryable
        self.payment.failure_message = outcome.message[:500]
        self._end("fail", events.PaymentFailed)
        if not self._pay_with_held_money():
            retrying.end_declined(invoice=self.invoice, payment=self.payment, actor=self.actor, reason=self.reason)
        return EventResult.APPLIED

    def cancel(self, outcome: Canceled) -> EventResult:
        if not self.concerns(outcome.reference):
            return EventResult.STALE
        self._begin(outcome.reference)
        self.end_canceled()
        return EventResult.APPLIED

    def end_canceled(self) -> None:
        self._end("cancel", events.PaymentCanceled)
        if not self._pay_with_held_money():
            invoices.end_payment(invoice=self.invoice, may_retry=True, actor=self.actor, reason=self.reason)

    def pending(self, outcome: Pending) -> EventResult:
        if not self.concerns(outcome.reference):
            return EventResult.STALE
        is_news = self._is_news(outcome.reference)
        if self.payment.status == PaymentStatus.PROCESSING and not is_news:
            return EventResult.STALE
        self._begin(outcome.reference)
        if self.payment.status == PaymentStatus.UNKNOWN:
            self._move("process", events.PaymentProcessing)
        self.payment.available_at = next_reconciliation(self.payment)
        if is_news and self.payment.cancel_requested_at is not None:
            self._ask_to_cancel()
        self.payment.save()
        return EventResult.APPLIED

    def _ask_to_cancel(self) -> None:
        """Somebody has asked for that while it was being sent: now the provider knows what to cancel."""
        self.payment.available_at = clock.now()
        db.after_commit(lambda: nudge("payments.reconcile", self.payment.id))

    def refuse(self, reason: str) -> EventResult:
        """What was said cannot be right: a person must look, if the payment is still awaited."""
        if not self._is_awaited():
            return EventResult.STALE
        self.reason = reason
        self.review()
        return EventResult.APPLIED

    def lose(self, outcome: Unknown) -> EventResult:
        if self.payment.status != PaymentStatus.PROCESSING:
            return EventResult.STALE
        self.reason = self.reason or outcome.detail[:500]
        self._move("lose", events.PaymentUnknown)
        self.payment.available_at = next_reconciliation(self.payment)
        self.payment.save()
        return EventResult.APPLIED

    def review(self) -> None:
        self.payment.failure_message = self.reason[:500]
        self.payment.available_at = None
        self._move("review", events.PaymentReviewRequired)
        self.payment.save()

    def concerns(self, reference: str) -> bool:
        """An outcome without money belongs to a payment in flight, and to no other charge than the one we know of."""
        known = self.payment.provider_reference
        return self._is_awaited() and (not known or not reference or reference == known)

    def _is_awaited(self) -> bool:
        return self.payment.status in AWAITED

    def _is_news(self, reference: str) -> bool:
        return bool(reference) and not self.payment.provider_reference

    def _begin(self, reference: str) -> None:
        """The provider speaks of a payment we have not recorded as sent, or has not named its reference before."""
        if self.payment.status == PaymentStatus.CREATED:
            self.payment.submitted_at = clock.wall()
            self._move("process", events.PaymentProcessing)
        if self._is_news(reference):
            self.payment.provider_reference = reference
            self._record(events.PaymentSubmitted)

    def _succeed(self, outcome: Succeeded, receipt: Receipt) -> None:
        self._begin(outcome.reference)
        expected = (self.payment.amount, self.payment.currency, self.payment.provider_account)
        if (outcome.amount, outcome.currency, outcome.account) != expected:
            self.refuse(f"captured {outcome.amount} {outcome.currency} in account {outcome.account}")
            return
        self._end("succeed", events.PaymentSucceeded)
        self._apply(receipt, is_only_money=self.invoice.attempts == 1)

    def _apply_late(self, receipt: Receipt) -> None:
        """Money for a payment that had ended: it pays the invoice unless another payment may still do so.

        Where nothing is due any more it goes back; what does not match what is due waits for staff.
        """
        if self.invoice.status in (InvoiceStatus.PAID, InvoiceStatus.VOID):
            reason = f"the invoice is {self.invoice.status} already"
            giving_back.give_back(invoice=self.invoice, receipt=receipt, actor=self.actor, reason=reason)
        elif not receipts.pays(receipt, self.invoice):
            retrying.stop(invoice=self.invoice, actor=self.actor, reason=f"{receipt.id} has arrived instead")
        elif self.invoice.status == InvoiceStatus.PROCESSING:
            self._replace_unsent(receipt)
        else:
            self._apply(receipt)

    def _replace_unsent(self, receipt: Receipt) -> None:
        other = Payment.objects.select_for_update().get(live_invoice=self.invoice)
        if other.status == PaymentStatus.CREATED:
            reason = f"{receipt.id} has arrived for an earlier attempt"
            _Step(self.invoice, other, self.actor, reason)._end("cancel", events.PaymentCanceled)
            self._apply(receipt)

    def _pay_with_held_money(self) -> bool:
        """The live payment has ended without money: what was held back while it might bring some pays now."""
        for receipt in receipts.held_for(self.invoice):
            if receipts.pays(receipt, self.invoice):
                self._apply(receipt)
                return True
        return False

    def _apply(self, receipt: Receipt, *, is_only_money: bool = False) -> None:
        """The first money of the only payment there has been `is_only_money`: nothing else has come for the invoice."""
        receipts.apply(invoice=self.invoice, receipt=receipt, actor=self.actor, reason=self.reason)
        if not is_only_money:
            giving_back.give_back_surplus(invoice=self.invoice, actor=self.actor)

    def _end(self, action: str, event: type[events.PaymentEvent]) -> None:
        self.payment.live_invoice = None
        self.payment.ended_at = clock.now()
        self.payment.available_at = None
        self._move(action, event)
        self.payment.save()

    def _move(self, action: str, event: type[events.PaymentEvent]) -> None:
        advance(self.payment, action)
        self._record(event)

    def _record(self, event: type[events.PaymentEvent]) -> None:
        record_payment(invoice=self.invoice, payment=self.payment, event=event, actor=self.actor, reason=self.reason)


def refuse(*, invoice: Invoice, payment: Payment, reference: str, actor: Principal, reason: str) -> EventResult:
    """Requires both locks. What was said of the charge `reference` cannot be right: the payment goes to review.

    STALE when it has ended, or is known by another charge.
    """
    db.require_transaction()
    step = _Step(invoice, payment, actor, "")
    return step.refuse(reason) if step.concerns(reference) else EventResult.STALE


def cancel(*, invoice: Invoice, payment: Payment, actor: Principal, reason: str) -> None:
    """Requires both locks. It was never sent, or there is nobody it was sent to: it ends without money, at once."""
    db.require_transaction()
    _Step(invoice, payment, actor, reason).end_canceled()


def lose(*, invoice: Invoice, payment: Payment, actor: Principal, reason: str) -> EventResult:
    """Requires both locks. No answer has come: processing → unknown."""
    db.require_transaction()
    return _Step(invoice, payment, actor, "").lose(Unknown(reason))


def send_to_review(*, invoice: Invoice, payment: Payment, actor: Principal, reason: str) -> None:
    """Requires both locks. Nobody could tell how the payment ended: a person must."""
    db.require_transaction()
    _Step(invoice, payment, actor, reason).review()
