"""One payment of an invoice, and what its provider said about it."""

import hashlib
import json
from typing import Any

from config.api.principals import MERCHANT
from config.volume.invoice_history import DAY, MERCHANT_ACTOR, MINUTE, SECOND, Id, InvoiceHistory, instant
from invoices.ledger import accounts
from invoices.ledger.models import JournalKind
from invoices.states import InvoiceStatus
from payments.models import Payment, Receipt
from payments.providers.base import Provider
from payments.providers.simulated.declines import is_retryable, message_of
from payments.services import submission
from payments.states import LIVE, PaymentStatus, ReceiptStatus
from webhooks.inbound.models import Outcome, ProviderEvent
from webhooks.inbound.states import ProviderEventStatus

STALE_SHARE = 0.1
"""Of the payments, how many had a webhook that came too late to change anything."""


class PaymentHistory:
    """Requested and submitted when it is made; then call the one thing that became of it."""

    def __init__(self, invoice: InvoiceHistory, provider: Provider, payment_method: str) -> None:
        self._invoice, self._provider, self._payment_method = invoice, provider, payment_method
        invoice.advance(SECOND, 2 * DAY)
        self._id = invoice.ids.new("pay", invoice.now)
        self._created_at = instant(invoice.now)
        self._ended_at: str | None = None
        self._actor = f"provider:{provider.name}" if provider.settles_itself else "staff:seed_volume"
        self._status: str = PaymentStatus.CREATED
        self._reference = self._failure_code = self._failure_message = ""
        self._is_retryable: bool | None = None
        invoice.attempts += 1
        self._attempt = invoice.attempts
        self._record_event("payment.requested", MERCHANT_ACTOR)
        invoice.change_status(InvoiceStatus.PROCESSING, "invoice.processing", MERCHANT_ACTOR)
        self._submitted_at = instant(invoice.now)
        self._change_status(PaymentStatus.PROCESSING, "payment.processing", submission.ACTOR.actor)

    def succeed(self) -> None:
        """The provider has the money, and it pays the invoice."""
        invoice = self._invoice
        self._submit()
        receipt = self._book_receipt(ReceiptStatus.APPLIED, invoice.amount)
        reason = self._reason("succeeded")
        self._change_status(PaymentStatus.SUCCEEDED, "payment.succeeded", self._actor, reason)
        self._record_receipt_event(receipt, "receipt.applied", ReceiptStatus.APPLIED, invoice.amount)
        invoice.pay("invoice.paid", self._actor, reason)
        applied = JournalKind.RECEIPT_APPLIED
        invoice.post_journal(applied, receipt.text, accounts.UNAPPLIED, accounts.RECEIVABLE, invoice.amount)
        self._receive_webhooks("succeeded")
        self._finish()

    def decline(self, code: str) -> None:
        """The invoice is open again, or failed when it is no use to try again."""
        self._submit()
        self._failure_code, self._is_retryable, self._failure_message = code, is_retryable(code), message_of(code)
        reason = self._reason("failed")
        self._change_status(PaymentStatus.FAILED, "payment.failed", self._actor, reason)
        if self._is_retryable:
            self._invoice.change_status(InvoiceStatus.OPEN, "invoice.reopened", self._actor, reason)
        else:
            self._invoice.change_status(InvoiceStatus.FAILED, "invoice.failed", self._actor, reason)
        self._receive_webhooks("failed", failure_code=code)
        self._finish()

    def cancel(self) -> None:
        self._submit()
        reason = self._reason("canceled")
        self._change_status(PaymentStatus.CANCELED, "payment.canceled", self._actor, reason)
        self._invoice.change_status(InvoiceStatus.OPEN, "invoice.reopened", self._actor, reason)
        self._receive_webhooks("canceled")
        self._finish()

    def require_review(self) -> None:
        """More was captured than asked: booked, and it pays nothing until a person has looked."""
        self._submit()
        captured = self._invoice.amount + 1
        self._book_receipt(ReceiptStatus.UNAPPLIED, captured)
        message = f"captured {captured} {self._invoice.terms.currency} in account {self._provider.account}"
        self._failure_message = message
        self._change_status(PaymentStatus.REVIEW, "payment.review_required", self._actor, message)
        self._receive_webhooks("succeeded", amount=captured)
        self._finish()

    def lose_answer(self, available_at: int) -> None:
        """The provider is asked again at `available_at`, in Unix milliseconds."""
        self._invoice.advance(SECOND, MINUTE)
        self._change_status(PaymentStatus.UNKNOWN, "payment.unknown", submission.ACTOR.actor, "ReadTimeout")
        self._finish(available_at=instant(available_at), reconciliations=4)

    def await_transfer(self) -> None:
        """The bank transfer has not come yet."""
        self._finish()

    def capture_late(self) -> None:
        """After its end the money came all the same, for an invoice that another payment has paid."""
        self._invoice.advance(MINUTE, DAY)
        self._reference += "-late"
        self._book_receipt(ReceiptStatus.UNAPPLIED, self._invoice.amount)

    def _submit(self) -> None:
        """Some time passes, and the provider answers."""
        self._invoice.advance(100, MINUTE if self._provider.settles_itself else 5 * DAY)
        if self._provider.settles_itself:
            self._reference = f"ch_{self._id.text.removeprefix('pay_')}"
            self._record_event("payment.submitted", submission.ACTOR.actor)
        else:
            self._reference = self._id.text

    def _reason(self, what: str) -> str:
        """Of the events that a webhook causes: its type."""
        return f"charge.{what}" if self._provider.settles_itself else ""

    def _change_status(self, status: str, event: str, actor: str, reason: str = "") -> None:
        self._status = status
        self._record_event(event, actor, reason)
        if status not in LIVE:
            self._ended_at = instant(self._invoice.now)

    def _record_event(self, event: str, actor: str, reason: str = "") -> None:
        data = {
            "payment": self._id.text,
            "invoice": self._invoice.id.text,
            "status": self._status,
            "attempt": self._attempt,
            "amount": self._invoice.amount,
            "currency": self._invoice.terms.currency,
            "provider": self._provider.name,
            "provider_account": self._provider.account,
            "provider_reference": self._reference,
            "failure_code": self._failure_code,
            "failure_retryable": self._is_retryable,
        }
        self._invoice.record_event(event, actor, reason, data)

    def _book_receipt(self, status: str, amount: int) -> Id:
        """The receipt, in the state it has in the end, with its journal."""
        invoice = self._invoice
        receipt = invoice.ids.new("rct", invoice.now)
        invoice.rows.add(
            Receipt,
            id=receipt.hex,
            payment_id=self._id.hex,
            invoice_id=invoice.id.hex,
            status=status,
            provider=self._provider.name,
            provider_account=self._provider.account,
            provider_reference=self._reference,
            amount=amount,
            **self._parts(status, amount),
            currency=invoice.terms.currency,
            received_at=instant(invoice.now),
        )
        self._record_receipt_event(receipt, "receipt.created", ReceiptStatus.UNAPPLIED, amount)
        debit = accounts.clearing(self._provider.name) if self._provider.settles_itself else accounts.BANK
        invoice.post_journal(JournalKind.CAPTURE, receipt.text, debit, accounts.UNAPPLIED, amount)
        return receipt

    @staticmethod
    def _parts(status: str, amount: int) -> dict[str, int]:
        is_applied = status == ReceiptStatus.APPLIED
        return {
            "amount_applied": amount if is_applied else 0,
            "amount_unapplied": 0 if is_applied else amount,
            "amount_refunding": 0,
            "amount_refunded": 0,
        }

    def _record_receipt_event(self, receipt: Id, event: str, status: str, amount: int) -> None:
        data = {
            "receipt": receipt.text,
            "payment": self._id.text,
            "invoice": self._invoice.id.text,
            "status": status,
            "amount": amount,
            **self._parts(status, amount),
            "currency": self._invoice.terms.currency,
            "provider": self._provider.name,
            "provider_account": self._provider.account,
            "provider_reference": self._reference,
        }
        self._invoice.record_event(event, self._actor, self._reason("succeeded"), data)

    def _receive_webhooks(self, what: str, **further: Any) -> None:
        """The one that told us, and now and then another one that came after it."""
        if not self._provider.settles_itself:
            return
        self._receive_webhook(what, ProviderEventStatus.PROCESSED, Outcome.APPLIED, further)
        if self._invoice.rng.random() < STALE_SHARE:
            self._invoice.advance(SECOND, MINUTE)
            self._receive_webhook("pending", ProviderEventStatus.IGNORED, Outcome.STALE, {})

    def _receive_webhook(self, what: str, status: str, outcome: str, further: dict[str, Any]) -> None:
        invoice, received_at = self._invoice, instant(self._invoice.now)
        data = {
            "charge": self._reference,
            "reference": self._id.text,
            "amount": invoice.amount,
            "currency": invoice.terms.currency,
        }
        body = {
            "id": f"evt_{what[0]}{self._reference.removeprefix('ch_')}",
            "type": f"charge.{what}",
            "created_at": f"{received_at.replace(' ', 'T')}Z",
            "account": self._provider.account,
            "data": data | further,
        }
        invoice.rows.add(
            ProviderEvent,
            id=invoice.ids.new_hex(invoice.now),
            provider=self._provider.name,
            account=self._provider.account,
            event_id=body["id"],
            type=body["type"],
            our_reference=self._id.text,
            charge_reference=self._reference,
            payload=json.dumps(body),
            status=status,
            outcome=outcome,
            error="",
            attempts=1,
            correlation_id=invoice.ids.new("req", invoice.now).text,
            received_at=received_at,
            processed_at=received_at,
        )

    def _finish(self, *, available_at: str | None = None, reconciliations: int = 0) -> None:
        """The payment's row as it stands now."""
        invoice = self._invoice
        digest = hashlib.sha256(self._id.text.encode()).hexdigest()
        invoice.rows.add(
            Payment,
            id=self._id.hex,
            invoice_id=invoice.id.hex,
            live_invoice_id=invoice.id.hex if self._status in LIVE else None,
            status=self._status,
            attempt=self._attempt,
            amount=invoice.amount,
            currency=invoice.terms.currency,
            provider=self._provider.name,
            provider_account=self._provider.account,
            provider_reference=self._reference,
            payment_method=self._payment_method,
            failure_code=self._failure_code,
            failure_retryable=self._is_retryable,
            failure_message=self._failure_message,
            correlation_id=invoice.correlation_id,
            created_at=self._created_at,
            submitted_at=self._submitted_at,
            ended_at=self._ended_at,
            available_at=available_at,
            reconciliations=reconciliations,
            idempotency_owner=MERCHANT,
            idempotency_operation="invoices.pay",
            idempotency_key_digest=digest,
            request_fingerprint=f"v1:{digest}",
        )
