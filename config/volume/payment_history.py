"""One payment of an invoice, and what its provider said about it."""

import hashlib
from typing import Any

from config.api.principals import MERCHANT
from config.volume.bulk_insert import Row
from config.volume.invoice_history import DAY, MERCHANT_ACTOR, MINUTE, SECOND, InvoiceHistory, instant, moment
from config.volume.receipt_history import ReceiptHistory, RefundHistory
from config.volume.webhook_history import ProviderVoice
from invoices.states import InvoiceStatus
from payments.models import Payment
from payments.providers.base import Provider
from payments.providers.simulated.declines import is_retryable, message_of
from payments.services import submission
from payments.states import LIVE, PaymentStatus
from webhooks.inbound.models import Outcome
from webhooks.inbound.states import ProviderEventStatus

STALE_SHARE = 0.1
"""Of the payments, how many had a webhook that came too late to change anything."""


class PaymentHistory:
    """Requested when it is made, then call `submit` and the one thing that became of it; its row follows."""

    def __init__(
        self, invoice: InvoiceHistory, provider: Provider, payment_method: str, actor: str = MERCHANT_ACTOR
    ) -> None:
        self._invoice, self._voice = invoice, ProviderVoice(invoice, provider)
        invoice.advance(SECOND, 2 * DAY)
        self.id = invoice.ids.new("pay", invoice.now)
        invoice.attempts += 1
        self._row = self._insert(provider, payment_method)
        self._record_event("payment.requested", actor)
        invoice.change_status(InvoiceStatus.PROCESSING, "invoice.processing", actor)

    def wait(self, until: int) -> None:
        """It is sent at `until`, in Unix milliseconds."""
        self._row["available_at"] = instant(until)

    def submit(self) -> "PaymentHistory":
        """The provider is asked."""
        self._row["submitted_at"] = instant(self._invoice.now)
        self._change_status(PaymentStatus.PROCESSING, "payment.processing", submission.ACTOR.actor)
        return self

    def succeed(self) -> ReceiptHistory:
        """The provider has the money, and it pays the invoice."""
        self._answer()
        reason = self._reason("succeeded")
        receipt = self._book(self._invoice.amount, reason)
        self._change_status(PaymentStatus.SUCCEEDED, "payment.succeeded", self._voice.actor, reason)
        receipt.apply(reason)
        self._receive_webhooks("succeeded")
        return receipt

    def decline(self, code: str, *, next_attempt_at: int | None = None, is_last: bool = False) -> None:
        """The invoice is open again and tried again then, in Unix milliseconds, or failed when that is no use."""
        self._answer()
        retryable = is_retryable(code)
        self._row.update(failure_code=code, failure_retryable=retryable, failure_message=message_of(code))
        reason, actor = self._reason("failed"), self._voice.actor
        self._change_status(PaymentStatus.FAILED, "payment.failed", actor, reason)
        if retryable and not is_last:
            self._invoice.change_status(InvoiceStatus.OPEN, "invoice.reopened", actor, reason, next_attempt_at)
        else:
            why = "no try is left" if retryable else reason
            self._invoice.change_status(InvoiceStatus.FAILED, "invoice.failed", actor, why)
        if next_attempt_at:
            self._record_event("payment.retry_scheduled", actor, reason, next_attempt_at=moment(next_attempt_at))
        self._receive_webhooks("failed", failure_code=code)

    def cancel(self) -> None:
        self._answer()
        reason = self._reason("canceled")
        self._change_status(PaymentStatus.CANCELED, "payment.canceled", self._voice.actor, reason)
        self._invoice.change_status(InvoiceStatus.OPEN, "invoice.reopened", self._voice.actor, reason)
        self._receive_webhooks("canceled")

    def require_review(self) -> None:
        """More was captured than asked: booked, and it pays nothing until a person has looked."""
        self._answer()
        captured = self._invoice.amount + 1
        self._book(captured, self._reason("succeeded"))
        message = f"captured {captured} {self._invoice.terms.currency} in account {self._voice.provider.account}"
        self._row["failure_message"] = message
        self._change_status(PaymentStatus.REVIEW, "payment.review_required", self._voice.actor, message)
        self._receive_webhooks("succeeded", amount=captured)

    def lose_answer(self, available_at: int) -> None:
        """The provider is asked again at `available_at`, in Unix milliseconds."""
        self._invoice.advance(SECOND, MINUTE)
        self._change_status(PaymentStatus.UNKNOWN, "payment.unknown", submission.ACTOR.actor, "ReadTimeout")
        self._row.update(available_at=instant(available_at), reconciliations=4)

    def capture_late(self) -> RefundHistory:
        """After its end the money came all the same, for an invoice that another payment has paid: it goes back."""
        self._invoice.advance(MINUTE, DAY)
        self._row["provider_reference"] += "-late"
        receipt = self._book(self._invoice.amount, self._reason("succeeded"))
        return receipt.give_back("the invoice is paid already")

    def count_refund(self, refund: RefundHistory) -> None:
        """It has succeeded, and was of the money that this payment brought."""
        self._row["amount_refunded"] += refund.amount
        if self._row["amount_refunded"] == self._row["amount"]:
            reason = "refund.succeeded" if self._voice.settles_itself else ""
            self._row["status"] = PaymentStatus.REFUNDED.value
            self._record_event("payment.refunded", self._voice.actor, reason)

    def _answer(self) -> None:
        """Some time passes, and the provider answers."""
        settles_itself = self._voice.settles_itself
        self._invoice.advance(100, MINUTE if settles_itself else 5 * DAY)
        if settles_itself:
            self._row["provider_reference"] = f"ch_{self.id.text.removeprefix('pay_')}"
            self._record_event("payment.submitted", submission.ACTOR.actor)
        else:
            self._row["provider_reference"] = self.id.text

    def _book(self, amount: int, reason: str) -> ReceiptHistory:
        return ReceiptHistory(self._voice, self.id, amount, reference=self._row["provider_reference"], reason=reason)

    def _reason(self, what: str) -> str:
        """Of the events that a webhook causes: its type."""
        return f"charge.{what}" if self._voice.settles_itself else ""

    def _change_status(self, status: str, event: str, actor: str, reason: str = "") -> None:
        self._row["status"] = str(status)
        self._record_event(event, actor, reason)
        if status not in LIVE:
            self._row.update(ended_at=instant(self._invoice.now), live_invoice_id=None)

    def _record_event(self, event: str, actor: str, reason: str = "", **more: Any) -> None:
        names = ("status", "attempt", "amount", "currency", "provider", "provider_account", "provider_reference")
        data = {
            "payment": self.id.text,
            "invoice": self._invoice.id.text,
            **{name: self._row[name] for name in (*names, "failure_code", "failure_retryable")},
            **more,
        }
        self._invoice.record_event(event, actor, reason, data)

    def _receive_webhooks(self, what: str, **further: Any) -> None:
        """The one that told us, and now and then another one that came after it."""
        self._say(what, further, ProviderEventStatus.PROCESSED, Outcome.APPLIED)
        if self._voice.settles_itself and self._invoice.rng.random() < STALE_SHARE:
            self._invoice.advance(SECOND, MINUTE)
            self._say("pending", {}, ProviderEventStatus.IGNORED, Outcome.STALE)

    def _say(self, what: str, further: dict[str, Any], status: str, outcome: str) -> None:
        data = {"amount": self._invoice.amount} | further
        self._voice.say(f"charge.{what}", self.id, self._row["provider_reference"], data, status, outcome)

    def _insert(self, provider: Provider, payment_method: str) -> Row:
        invoice = self._invoice
        digest = hashlib.sha256(self.id.text.encode()).hexdigest()
        return invoice.rows.add(
            Payment,
            id=self.id.hex,
            invoice_id=invoice.id.hex,
            live_invoice_id=invoice.id.hex,
            status=PaymentStatus.CREATED.value,
            attempt=invoice.attempts,
            amount=invoice.amount,
            amount_refunded=0,
            currency=invoice.terms.currency,
            provider=provider.name,
            provider_account=provider.account,
            provider_reference="",
            payment_method=payment_method,
            failure_code="",
            failure_retryable=None,
            failure_message="",
            correlation_id=invoice.correlation_id,
            created_at=instant(invoice.now),
            submitted_at=None,
            ended_at=None,
            available_at=None,
            reconciliations=0,
            idempotency_owner=MERCHANT,
            idempotency_operation="invoices.pay",
            idempotency_key_digest=digest,
            request_fingerprint=f"v1:{digest}",
        )
