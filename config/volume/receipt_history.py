"""Money that has arrived, and what became of it: applied, refunded, disputed, given back."""

from typing import Any

from config.volume.bulk_insert import Row
from config.volume.invoice_history import DAY, MERCHANT_ACTOR, MINUTE, SECOND, Id, instant, moment
from config.volume.webhook_history import ProviderVoice
from invoices.ledger import accounts
from invoices.ledger.models import JournalKind
from payments.models import Dispute, Receipt, Refund
from payments.services.refunds import submission
from payments.states import DisputeStatus, ReceiptStatus, RefundStatus

STAFF = "staff:seed_volume"


class ReceiptHistory:
    """One receipt from when it is made, with its journal; its row follows what happens."""

    def __init__(
        self, voice: ProviderVoice, payment: Id, amount: int, *, reference: str, reason: str, returned: Id | None = None
    ) -> None:
        self._invoice, self._voice, self._payment = voice.invoice, voice, payment
        self._actor, self._reference = voice.actor, reference
        self.id = self._invoice.ids.new("rct", self._invoice.now)
        self.row = self._invoice.rows.add(
            Receipt,
            id=self.id.hex,
            payment_id=payment.hex,
            invoice_id=self._invoice.id.hex,
            returned_refund_id=returned.hex if returned else None,
            status=ReceiptStatus.UNAPPLIED.value,
            provider=voice.provider.name,
            provider_account=voice.provider.account,
            provider_reference=reference,
            amount=amount,
            amount_applied=0,
            amount_unapplied=amount,
            amount_refunding=0,
            amount_refunded=0,
            currency=self._invoice.terms.currency,
            received_at=instant(self._invoice.now),
        )
        self._record("receipt.created", self._actor, reason)
        kind = JournalKind.REFUND_RETURNED if returned else JournalKind.CAPTURE
        self._invoice.move_money(kind, self.id.text, voice.holder, accounts.UNAPPLIED, amount)

    def apply(self, reason: str) -> None:
        """It pays the whole invoice."""
        amount = self.row["amount"]
        self.row.update(amount_applied=amount, amount_unapplied=0)
        self._move(ReceiptStatus.APPLIED, "receipt.applied", self._actor, reason)
        self._invoice.pay("invoice.paid", self._actor, reason)
        self._invoice.move_money(
            JournalKind.RECEIPT_APPLIED, self.id.text, accounts.UNAPPLIED, accounts.RECEIVABLE, amount
        )

    def refund(self, amount: int) -> "RefundHistory":
        """Somebody asks for `amount` of what it has paid."""
        self._invoice.advance(MINUTE, 5 * DAY)
        return RefundHistory(self, self._voice, self._payment, amount, of_unapplied=False, reason="asked for")

    def give_back(self, reason: str) -> "RefundHistory":
        """It pays nothing, so all of it is on its way back."""
        amount = self.row["amount_unapplied"]
        refund = RefundHistory(self, self._voice, self._payment, amount, of_unapplied=True, reason=reason)
        self._move(ReceiptStatus.REFUNDING, "receipt.refunding", self._actor, reason)
        refund.send()
        return refund

    def reserve(self, amount: int, *, of_unapplied: bool) -> None:
        self.row["amount_refunding"] += amount
        if of_unapplied:
            self.row["amount_unapplied"] -= amount

    def settle(self, amount: int, reason: str) -> None:
        """What was reserved has gone."""
        self.row["amount_refunding"] -= amount
        self.row["amount_refunded"] += amount
        if self.row["status"] == ReceiptStatus.REFUNDING:
            self._move(ReceiptStatus.REFUNDED, "receipt.refunded", self._actor, reason)

    def release(self, amount: int, *, of_unapplied: bool, reason: str) -> None:
        """What was reserved is here again."""
        self.row["amount_refunding"] -= amount
        if of_unapplied:
            self.row["amount_unapplied"] += amount
            self._move(ReceiptStatus.UNAPPLIED, "receipt.refund_failed", self._actor, reason)

    def dispute(self, closing: str, evidence_due_at: int) -> None:
        """The payer's bank takes all of it, and the provider judges: won, lost, or not yet (empty)."""
        invoice, voice = self._invoice, self._voice
        invoice.advance(DAY, 5 * DAY)
        dispute = invoice.ids.new("dp", invoice.now)
        reference = dispute.text.replace("dp_", "dsp_")
        row = invoice.rows.add(
            Dispute,
            id=dispute.hex,
            payment_id=self._payment.hex,
            invoice_id=invoice.id.hex,
            receipt_id=self.id.hex,
            status=DisputeStatus.OPEN.value,
            amount=self.row["amount"],
            currency=invoice.terms.currency,
            reason="fraudulent",
            provider=voice.provider.name,
            provider_account=voice.provider.account,
            provider_reference=reference,
            evidence_due_at=instant(evidence_due_at),
            opened_at=instant(invoice.now),
            closed_at=None,
        )
        self._record_dispute(dispute, row, "dispute.opened", evidence_due_at)
        self._take(JournalKind.DISPUTE_OPENED, dispute, accounts.DISPUTED_FUNDS, voice.holder)
        if not closing:
            return
        invoice.advance(DAY, 5 * DAY)
        row["status"], row["closed_at"] = closing, instant(invoice.now)
        self._record_dispute(dispute, row, f"dispute.{closing}", evidence_due_at)
        if closing == DisputeStatus.WON:
            self._take(JournalKind.DISPUTE_WON, dispute, voice.holder, accounts.DISPUTED_FUNDS)
        else:
            self._take(JournalKind.DISPUTE_LOST, dispute, accounts.DISPUTE_LOSSES, accounts.DISPUTED_FUNDS)

    def _take(self, kind: JournalKind, dispute: Id, debit: str, credit: str) -> None:
        self._invoice.move_money(kind, dispute.text, debit, credit, self.row["amount"])

    def _record_dispute(self, dispute: Id, row: Row, event: str, evidence_due_at: int) -> None:
        data = self._refers() | {
            "dispute": dispute.text,
            "receipt": self.id.text,
            "status": row["status"],
            "amount": row["amount"],
            "currency": row["currency"],
            "reason": row["reason"],
            "provider_reference": row["provider_reference"],
            "evidence_due_at": moment(evidence_due_at),
        }
        self._invoice.record_event(event, self._actor, event, data)
        about = {"dispute": row["provider_reference"], "amount": row["amount"], "reason": row["reason"]}
        due = {"evidence_due_at": moment(evidence_due_at)}
        self._voice.say(event, self._payment, self._reference, about | due)

    def _move(self, status: str, event: str, actor: str, reason: str) -> None:
        self.row["status"] = str(status)
        self._record(event, actor, reason)

    def _record(self, event: str, actor: str, reason: str) -> None:
        amounts = ("amount", "amount_applied", "amount_unapplied", "amount_refunding", "amount_refunded")
        data = self._refers() | {
            "receipt": self.id.text,
            "status": self.row["status"],
            **{name: self.row[name] for name in amounts},
            "currency": self.row["currency"],
            "provider_reference": self._reference,
        }
        self._invoice.record_event(event, actor, reason, data)

    def _refers(self) -> dict[str, Any]:
        return {
            "payment": self._payment.text,
            "invoice": self._invoice.id.text,
            "provider": self._voice.provider.name,
            "provider_account": self._voice.provider.account,
        }


class RefundHistory:
    """One refund, requested when it is made; then call what became of it, first of all `send`."""

    def __init__(
        self,
        receipt: ReceiptHistory,
        voice: ProviderVoice,
        payment: Id,
        amount: int,
        *,
        of_unapplied: bool,
        reason: str,
    ) -> None:
        self._invoice, self._receipt, self._voice, self._payment = voice.invoice, receipt, voice, payment
        self.id = self._invoice.ids.new("re", self._invoice.now)
        self.amount, self._of_unapplied = amount, of_unapplied
        receipt.reserve(amount, of_unapplied=of_unapplied)
        self.row = self._invoice.rows.add(
            Refund,
            id=self.id.hex,
            payment_id=payment.hex,
            invoice_id=self._invoice.id.hex,
            receipt_id=receipt.id.hex,
            status=RefundStatus.CREATED.value,
            amount=amount,
            currency=self._invoice.terms.currency,
            amount_unapplied=amount if of_unapplied else 0,
            reason=reason,
            provider=voice.provider.name,
            provider_account=voice.provider.account,
            charge_reference=receipt.row["provider_reference"],
            provider_reference=None,
            failure_code="",
            correlation_id=self._invoice.correlation_id,
            created_at=instant(self._invoice.now),
            submitted_at=None,
            ended_at=None,
            available_at=None,
            reconciliations=0,
        )
        self._record("refund.created", voice.actor if of_unapplied else MERCHANT_ACTOR, reason)

    def send(self) -> None:
        """The provider is asked, or a person is to transfer it."""
        self._invoice.advance(100, 10 * SECOND)
        self.row["submitted_at"] = instant(self._invoice.now)
        self._move(RefundStatus.PROCESSING, "refund.processing", submission.ACTOR.actor)

    def wait(self, until: int) -> None:
        """Nothing more is heard; it is taken up at `until`, in Unix milliseconds."""
        self.row["available_at"] = instant(until)

    def lose_answer(self, available_at: int) -> None:
        self._move(RefundStatus.UNKNOWN, "refund.unknown", submission.ACTOR.actor, "ReadTimeout")
        self.wait(available_at)
        self.row["reconciliations"] = 4

    def succeed(self) -> None:
        reason = self._answer("succeeded")
        self._receipt.settle(self.amount, reason)
        self._end(RefundStatus.SUCCEEDED, "refund.succeeded", reason)
        holder = self._voice.holder
        if self._of_unapplied:
            kind = JournalKind.REFUND_OF_UNAPPLIED
            self._invoice.move_money(kind, self.id.text, accounts.UNAPPLIED, holder, self.amount)
        else:
            self._invoice.refund(self.id, self.amount, holder)
        self._say("refund.succeeded")

    def fail(self, code: str) -> None:
        reason = self._answer("failed")
        self.row["failure_code"] = code
        self._end(RefundStatus.FAILED, "refund.failed", reason)
        self._receipt.release(self.amount, of_unapplied=self._of_unapplied, reason=reason)
        self._say("refund.failed", failure_code=code)

    def come_back(self, code: str) -> None:
        """After it has succeeded: its money is here again, and pays nothing."""
        self._invoice.advance(DAY, 3 * DAY)
        self.row["failure_code"] = code
        self._record("refund.returned", self._voice.actor, "refund.failed")
        ReceiptHistory(
            self._voice, self._payment, self.amount, reference=self.id.text, reason="refund.failed", returned=self.id
        )
        self._say("refund.failed", failure_code=code)

    def _answer(self, what: str) -> str:
        self._invoice.advance(SECOND, DAY)
        reference = self.id.text.replace("re_", "rf_") if self._voice.settles_itself else self.id.text
        self.row["provider_reference"] = reference
        return f"refund.{what}" if self._voice.settles_itself else ""

    def _say(self, type_: str, **further: Any) -> None:
        about = {"refund": self.row["provider_reference"], "reference": self.id.text, "amount": self.amount}
        self._voice.say(type_, self.id, self.row["charge_reference"], about | further)

    def _end(self, status: str, event: str, reason: str) -> None:
        self._move(status, event, self._voice.actor, reason)
        self.row["ended_at"] = instant(self._invoice.now)

    def _move(self, status: str, event: str, actor: str, reason: str = "") -> None:
        self.row["status"] = str(status)
        self._record(event, actor, reason)

    def _record(self, event: str, actor: str, reason: str) -> None:
        row = self.row
        data = {
            "refund": self.id.text,
            "receipt": self._receipt.id.text,
            "payment": self._payment.text,
            "invoice": self._invoice.id.text,
            **{name: row[name] for name in ("status", "amount", "currency", "amount_unapplied", "provider")},
            **{name: row[name] for name in ("provider_account", "provider_reference", "failure_code")},
        }
        self._invoice.record_event(event, actor, reason, data)
