"""What a provider says of a refund becomes state and money here, whoever heard it.

Everything requires the locks of the invoice and of the payment, in that order, under which refunds and receipts change.
"""

import dataclasses

from config.api.principals import Principal
from config.kernel import clock, db
from invoices import services as invoices
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import Invoice
from outbox.states import advance
from payments import events
from payments.models import Payment, Receipt, Refund
from payments.providers.base import Canceled, Declined, NotFound, Outcome, Pending, Succeeded, Unknown
from payments.services import receipts
from payments.services.outcomes import EventResult
from payments.services.recording import record_payment
from payments.services.refunds import adopting, reserving
from payments.services.schedule import next_reconciliation
from payments.states import PaymentStatus, ReceiptStatus, RefundStatus


def apply_refund_outcome(
    *,
    invoice: Invoice,
    payment: Payment,
    refund: Refund,
    outcome: Outcome,
    actor: Principal,
    reason: str = "",
    is_reserved: bool = True,
) -> EventResult:
    """Requires both locks and `refund` as it is under them. Late and repeated news is STALE.

    A refund that fails after it has succeeded stays as it is: its money came back, and a receipt says so, once. So does
    one that succeeds after a person has failed it: what has left is another refund, which the provider made without us.
    Its amount `is_reserved` on its receipt, unless it was adopted as failed.
    """
    db.require_transaction()
    step = _Step(invoice, payment, refund, actor, reason, is_reserved)
    match outcome:
        case Succeeded():
            return step.succeed(outcome)
        case Declined():
            return step.fail(outcome)
        case Canceled():
            return step.fail(Declined(code="canceled", retryable=False, reference=outcome.reference))
        case Pending():
            return step.pending(outcome)
        case Unknown():
            return step.lose(outcome.detail)
        case NotFound():
            return step.lose("the provider does not know this refund")


@dataclasses.dataclass
class _Step:
    """One outcome applied to one refund, its receipt, its payment and its invoice."""

    invoice: Invoice
    payment: Payment
    refund: Refund
    actor: Principal
    reason: str
    is_reserved: bool = True

    def __post_init__(self) -> None:
        self.receipt: Receipt = self.refund.receipt

    def succeed(self, outcome: Succeeded) -> EventResult:
        if self.refund.status == RefundStatus.FAILED:
            return self._succeed_late(outcome)
        if not self.concerns(outcome.reference):
            return EventResult.STALE
        if self._is_anothers(outcome.reference):
            return self.refuse(f"{outcome.reference} is the reference of another refund")
        expected = (self.refund.amount, self.refund.currency, self.refund.provider_account)
        if (outcome.amount, outcome.currency, outcome.account) != expected:
            return self.refuse(f"refunded {outcome.amount} {outcome.currency} in account {outcome.account}")
        self._begin(outcome.reference)
        self._settle_receipt()
        self._end("succeed", events.RefundSucceeded)
        self._book()
        return EventResult.APPLIED

    def fail(self, outcome: Declined) -> EventResult:
        if self.refund.status == RefundStatus.SUCCEEDED:
            return self._take_back(outcome)
        if not self.concerns(outcome.reference):
            return EventResult.STALE
        if self._is_anothers(outcome.reference):
            return self.refuse(f"{outcome.reference} is the reference of another refund")
        self._begin(outcome.reference)
        self.refund.failure_code = outcome.code[:100]
        self.refund.failure_message = outcome.message[:500]
        self._end("fail", events.RefundFailed)
        if self.is_reserved:
            self._release_receipt()
        return EventResult.APPLIED

    def pending(self, outcome: Pending) -> EventResult:
        if not self.concerns(outcome.reference):
            return EventResult.STALE
        if self.refund.status == RefundStatus.PROCESSING and not self._is_news(outcome.reference):
            return EventResult.STALE
        if self._is_anothers(outcome.reference):
            return self.refuse(f"{outcome.reference} is the reference of another refund")
        self._begin(outcome.reference)
        if self.refund.status == RefundStatus.UNKNOWN:
            self._move("process", events.RefundProcessing)
        self.refund.available_at = next_reconciliation(self.refund)
        self.refund.save()
        return EventResult.APPLIED

    def lose(self, detail: str) -> EventResult:
        if self.refund.status != RefundStatus.PROCESSING:
            return EventResult.STALE
        self.reason = self.reason or detail[:500]
        self._move("lose", events.RefundUnknown)
        self.refund.available_at = next_reconciliation(self.refund)
        self.refund.save()
        return EventResult.APPLIED

    def give_up(self) -> None:
        if self.refund.status == RefundStatus.PROCESSING:
            self._move("lose", events.RefundUnknown)
        self.refund.available_at = None
        self.refund.save()

    def refuse(self, what: str) -> EventResult:
        """It cannot be right: the refund is unknown and asked about no more, until a person has looked."""
        what = what[:500]
        if not self.refund.is_live or (self.refund.failure_message == what and self.refund.available_at is None):
            return EventResult.STALE
        self._begin("")
        self.refund.failure_message = self.reason = what
        self.give_up()
        return EventResult.APPLIED

    def _succeed_late(self, outcome: Succeeded) -> EventResult:
        """What the provider itself has failed stays failed; otherwise money has gone that we had given up on."""
        if self.refund.provider_reference or not outcome.reference or self._is_anothers(outcome.reference):
            return EventResult.STALE
        made_there = adopting.adopt(
            invoice=self.invoice,
            receipt=self.receipt,
            amount=outcome.amount,
            currency=outcome.currency,
            reference=outcome.reference,
            actor=self.actor,
            reason=f"{self.refund.id} had failed",
        )
        return _Step(self.invoice, self.payment, made_there, self.actor, self.reason).succeed(outcome)

    def concerns(self, reference: str) -> bool:
        """News about a refund that is live, and about no other refund of the provider's than the one we know of."""
        return self.refund.is_live and self._is_ours(reference)

    def _is_ours(self, reference: str) -> bool:
        known = self.refund.provider_reference
        return not known or not reference or reference == known

    def _is_anothers(self, reference: str) -> bool:
        """A provider that names one refund for two is not believed twice."""
        return self._is_news(reference) and (
            Refund.objects.filter(
                provider=self.refund.provider,
                provider_account=self.refund.provider_account,
                provider_reference=reference,
            ).exists()
        )

    def _is_news(self, reference: str) -> bool:
        return bool(reference) and not self.refund.provider_reference

    def _begin(self, reference: str) -> None:
        """The provider speaks of a refund we have not recorded as sent, or has not named its reference before."""
        if self._is_news(reference):
            self.refund.provider_reference = reference
        if self.refund.status == RefundStatus.CREATED:
            self.refund.submitted_at = clock.wall()
            self._move("process", events.RefundProcessing)

    def _settle_receipt(self) -> None:
        self.receipt.amount_refunding -= self.refund.amount
        self.receipt.amount_refunded += self.refund.amount
        if self.receipt.status == ReceiptStatus.REFUNDING and not self.receipt.amount_refunding:
            self._move_receipt("finish_refund", events.ReceiptRefunded)
        else:
            receipts.save(self.receipt)

    def _release_receipt(self) -> None:
        self.receipt.amount_refunding -= self.refund.amount
        self.receipt.amount_unapplied += self.refund.amount_unapplied
        if self.receipt.status == ReceiptStatus.REFUNDING:
            self._move_receipt("fail_refund", events.ReceiptRefundFailed)
        else:
            receipts.save(self.receipt)

    def _book(self) -> None:
        """The money has left; what had paid the invoice is counted there and on the payment too."""
        source = receipts.holder(self.refund.provider)
        if self.refund.amount_unapplied:
            ledger.post(
                kind=JournalKind.REFUND_OF_UNAPPLIED,
                source=self.refund.id,
                invoice_id=self.invoice.id,
                currency=self.refund.currency,
                debit=accounts.UNAPPLIED,
                credit=source,
                amount=self.refund.amount_unapplied,
            )
        if self.refund.amount_applied:
            self._count_as_refunded(self.refund.amount_applied, source)

    def _count_as_refunded(self, amount: int, source: str) -> None:
        invoices.refund_money(invoice=self.invoice, refund_id=self.refund.id, amount=amount, holder=source)
        self.payment.amount_refunded += amount
        if self.payment.status == PaymentStatus.SUCCEEDED and self._is_all_back():
            advance(self.payment, "refund")
            record_payment(
                invoice=self.invoice,
                payment=self.payment,
                event=events.PaymentRefunded,
                actor=self.actor,
                reason=self.reason,
            )
        self.payment.save(update_fields=["status", "amount_refunded"])

    def _is_all_back(self) -> bool:
        """Of a payment that brought less than it is over, all that it paid."""
        refunded: int = self.payment.amount_refunded
        is_whole: bool = refunded == self.payment.amount
        if is_whole or refunded < self.receipt.amount_applied:
            return is_whole
        return refunded == sum(self.payment.receipts.values_list("amount_applied", flat=True))

    def _take_back(self, outcome: Declined) -> EventResult:
        """Its money came back: unapplied, once."""
        if not self._is_ours(outcome.reference):
            return EventResult.STALE
        if Receipt.objects.filter(returned_refund=self.refund).exists():
            return EventResult.STALE
        self.refund.failure_code = outcome.code[:100]
        self.refund.failure_message = outcome.message[:500]
        self.refund.save(update_fields=["failure_code", "failure_message"])
        self._record(events.RefundReturned)
        receipts.book_returned(invoice=self.invoice, refund=self.refund, actor=self.actor, reason=self.reason)
        return EventResult.APPLIED

    def _end(self, action: str, event: type[events.RefundEvent]) -> None:
        self.refund.ended_at = clock.now()
        self.refund.available_at = None
        self._move(action, event)
        self.refund.save()

    def _move(self, action: str, event: type[events.RefundEvent]) -> None:
        advance(self.refund, action)
        self._record(event)

    def _move_receipt(self, action: str, event: type[events.ReceiptEvent]) -> None:
        receipts.move(
            invoice=self.invoice,
            receipt=self.receipt,
            action=action,
            event=event,
            actor=self.actor,
            reason=self.reason,
        )

    def _record(self, event: type[events.RefundEvent]) -> None:
        reserving.record(invoice=self.invoice, refund=self.refund, event=event, actor=self.actor, reason=self.reason)


def refuse(
    *, invoice: Invoice, payment: Payment, refund: Refund, reference: str, actor: Principal, reason: str
) -> EventResult:
    """Requires both locks. What was said of the provider's refund `reference` cannot be right: a person must look.

    STALE when it has ended, or is known by another reference.
    """
    db.require_transaction()
    step = _Step(invoice, payment, refund, actor, "")
    return step.refuse(reason) if step.concerns(reference) else EventResult.STALE


def lose(*, invoice: Invoice, payment: Payment, refund: Refund, actor: Principal, reason: str) -> EventResult:
    """Requires both locks. No answer has come: processing → unknown."""
    db.require_transaction()
    return _Step(invoice, payment, refund, actor, "").lose(reason)


def give_up(*, invoice: Invoice, payment: Payment, refund: Refund, actor: Principal, reason: str) -> None:
    """Requires both locks. Only a person can tell how it ended: it is unknown, and no longer asked about."""
    db.require_transaction()
    _Step(invoice, payment, refund, actor, reason).give_up()
