"""One payment of a story, and what its provider said about it."""

import hashlib
import json
from typing import Any

from config.api.principals import MERCHANT
from config.volume import tables
from config.volume.stories import DAY, MERCHANT_ACTOR, MINUTE, SECOND, Id, Story, instant
from invoices.ledger import accounts
from invoices.ledger.models import JournalKind
from invoices.states import InvoiceStatus
from payments.providers.base import Provider
from payments.providers.simulated.declines import is_retryable, message_of
from payments.services import submission
from payments.states import LIVE, PaymentStatus, ReceiptStatus
from webhooks.inbound.models import Outcome
from webhooks.inbound.states import ProviderEventStatus

STALE_SHARE = 0.1
"""Of the payments, how many had a webhook that came too late to change anything."""


class Attempt:
    """Asked for and sent when it is made; then call the one thing that became of it."""

    def __init__(self, story: Story, provider: Provider, token: str) -> None:
        self._story, self._rows, self._ids, self._provider, self._token = story, story.rows, story.ids, provider, token
        story.pass_time(SECOND, 2 * DAY)
        self.id = self._ids.at("pay", story.now)
        self._created_at = instant(story.now)
        self._actor = f"provider:{provider.name}" if provider.settles_itself else "staff:seed_volume"
        self._status: str = PaymentStatus.CREATED
        self._reference = self._code = self._message = ""
        self._is_retryable: bool | None = None
        story.attempts += 1
        self.number = story.attempts
        self._tell("payment.requested", MERCHANT_ACTOR)
        story.move(InvoiceStatus.PROCESSING, "invoice.processing", MERCHANT_ACTOR)
        self._submitted_at = instant(story.now)
        self._move(PaymentStatus.PROCESSING, "payment.processing", submission.ACTOR.actor)

    def succeed(self) -> None:
        """The provider has the money, and it pays the invoice."""
        story = self._story
        self._answer()
        receipt = self._book(ReceiptStatus.APPLIED, story.amount)
        self._move(PaymentStatus.SUCCEEDED, "payment.succeeded", self._actor, self._said("succeeded"))
        self._tell_of(receipt, "receipt.applied", ReceiptStatus.APPLIED, story.amount)
        story.amount_paid, story.paid_at = story.amount, instant(story.now)
        story.move(InvoiceStatus.PAID, "invoice.paid", self._actor, self._said("succeeded"))
        journal = JournalKind.RECEIPT_APPLIED
        story.post(journal, receipt.text, accounts.UNAPPLIED, accounts.RECEIVABLE, story.amount)
        self._hear("succeeded")
        self._write(ended=True)

    def decline(self, code: str) -> None:
        """The invoice is open again, or failed when it is no use to try again."""
        self._answer()
        self._code, self._is_retryable, self._message = code, is_retryable(code), message_of(code)
        self._move(PaymentStatus.FAILED, "payment.failed", self._actor, self._said("failed"))
        status, event = (
            (InvoiceStatus.OPEN, "invoice.reopened") if self._is_retryable else (InvoiceStatus.FAILED, "invoice.failed")
        )
        self._story.move(status, event, self._actor, self._said("failed"))
        self._hear("failed", failure_code=code)
        self._write(ended=True)

    def cancel(self) -> None:
        self._answer()
        self._move(PaymentStatus.CANCELED, "payment.canceled", self._actor, self._said("canceled"))
        self._story.move(InvoiceStatus.OPEN, "invoice.reopened", self._actor, self._said("canceled"))
        self._hear("canceled")
        self._write(ended=True)

    def review(self) -> None:
        """More was captured than asked: booked, and it pays nothing until a person has looked."""
        self._answer()
        captured = self._story.amount + 1
        self._book(ReceiptStatus.UNAPPLIED, captured)
        self._message = f"captured {captured} {self._story.terms.currency} in account {self._provider.account}"
        self._move(PaymentStatus.REVIEW, "payment.review_required", self._actor, self._message)
        self._hear("succeeded", amount=captured)
        self._write()

    def lose(self, next_try: int) -> None:
        """No answer has come, and the provider is asked again at `next_try`, in Unix milliseconds."""
        self._story.pass_time(SECOND, MINUTE)
        self._move(PaymentStatus.UNKNOWN, "payment.unknown", submission.ACTOR.actor, "ReadTimeout")
        self._write(available_at=instant(next_try), reconciliations=4)

    def wait(self) -> None:
        """The bank transfer has not come yet."""
        self._write()

    def capture_late(self) -> None:
        """After its end the money came all the same, for an invoice that something else has paid."""
        self._story.pass_time(MINUTE, DAY)
        self._reference += "-late"
        self._book(ReceiptStatus.UNAPPLIED, self._story.amount)

    def _answer(self) -> None:
        self._story.pass_time(100, MINUTE if self._provider.settles_itself else 5 * DAY)
        if self._provider.settles_itself:
            self._reference = f"ch_{self.id.text.removeprefix('pay_')}"
            self._tell("payment.submitted", submission.ACTOR.actor)
        else:
            self._reference = self.id.text

    def _said(self, what: str) -> str:
        return f"charge.{what}" if self._provider.settles_itself else ""

    def _move(self, status: str, event: str, actor: str, reason: str = "") -> None:
        self._status = status
        self._tell(event, actor, reason)

    def _tell(self, event: str, actor: str, reason: str = "") -> None:
        data = {
            "payment": self.id.text,
            "invoice": self._story.id.text,
            "status": self._status,
            "attempt": self.number,
            "amount": self._story.amount,
            "currency": self._story.terms.currency,
            "provider": self._provider.name,
            "provider_account": self._provider.account,
            "provider_reference": self._reference,
            "failure_code": self._code,
            "failure_retryable": self._is_retryable,
        }
        self._story.tell(event, actor, reason, data)

    def _book(self, status: str, amount: int) -> Id:
        """The receipt, in the state it has in the end, and how it came."""
        story = self._story
        receipt = self._ids.at("rct", story.now)
        self._rows.add(
            tables.RECEIPTS,
            *[receipt.digits, self.id.digits, story.id.digits, status, self._provider.name, self._provider.account],
            *[self._reference, amount, story.terms.currency, instant(story.now)],
        )
        self._tell_of(receipt, "receipt.created", ReceiptStatus.UNAPPLIED, amount)
        holder = accounts.clearing(self._provider.name) if self._provider.settles_itself else accounts.BANK
        story.post(JournalKind.CAPTURE, receipt.text, holder, accounts.UNAPPLIED, amount)
        return receipt

    def _tell_of(self, receipt: Id, event: str, status: str, amount: int) -> None:
        data = {
            "receipt": receipt.text,
            "payment": self.id.text,
            "invoice": self._story.id.text,
            "status": status,
            "amount": amount,
            "currency": self._story.terms.currency,
            "provider": self._provider.name,
            "provider_account": self._provider.account,
            "provider_reference": self._reference,
        }
        self._story.tell(event, self._actor, self._said("succeeded"), data)

    def _hear(self, what: str, **said: Any) -> None:
        """The webhook that told us, and now and then another one that came after it."""
        if not self._provider.settles_itself:
            return
        self._receive(what, ProviderEventStatus.PROCESSED, Outcome.APPLIED, said)
        if self._story.rng.random() < STALE_SHARE:
            self._story.pass_time(SECOND, MINUTE)
            self._receive("pending", ProviderEventStatus.IGNORED, Outcome.STALE, {})

    def _receive(self, what: str, status: str, outcome: str, said: dict[str, Any]) -> None:
        now = self._story.now
        kind, event_id = f"charge.{what}", f"evt_{what[0]}{self._reference.removeprefix('ch_')}"
        data = {
            "charge": self._reference,
            "reference": self.id.text,
            "amount": self._story.amount,
            "currency": self._story.terms.currency,
        }
        body = {
            "id": event_id,
            "type": kind,
            "created_at": f"{instant(now).replace(' ', 'T')}Z",
            "account": self._provider.account,
            "data": data | said,
        }
        self._rows.add(
            tables.PROVIDER_EVENTS,
            *[self._ids.at("pev", now).digits, self._provider.name, self._provider.account, event_id, kind],
            *[self.id.text, self._reference, json.dumps(body), status, outcome, "", 1],
            *[self._ids.at("req", now).text, instant(now), instant(now)],
        )

    def _write(self, *, ended: bool = False, available_at: str | None = None, reconciliations: int = 0) -> None:
        story = self._story
        live_invoice = story.id.digits if self._status in LIVE else None
        digest = hashlib.sha256(self.id.text.encode()).hexdigest()
        self._rows.add(
            tables.PAYMENTS,
            *[self.id.digits, story.id.digits, live_invoice, self._status, self.number, story.amount],
            *[story.terms.currency, self._provider.name, self._provider.account, self._reference, self._token],
            *[self._code, self._is_retryable, self._message, story.correlation_id, self._created_at],
            *[self._submitted_at, instant(story.now) if ended else None, available_at, reconciliations],
            *[MERCHANT, "invoices.pay", digest, f"v1:{digest}"],
        )
