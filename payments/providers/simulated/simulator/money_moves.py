"""The simulator's state changes: each writes its rows, books what moved and queues the webhook.

All of them need their caller's transaction.
"""

from collections.abc import Callable
from typing import Any, Literal

from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.messages import Refused, missing
from payments.providers.simulated.simulator.objects import Charge, Dispute, Refund, Transaction, iso
from payments.providers.simulated.simulator.outgoing import WebhookQueue
from payments.providers.simulated.simulator.store import Chance, Store


class MoneyMoves:
    def __init__(self, *, store: Store, webhooks: WebhookQueue, chance: Chance, dials: Callable[[], Dials]) -> None:
        self._store = store
        self._webhooks = webhooks
        self._chance = chance
        self._dials = dials

    def open_charge(
        self,
        *,
        reference: str,
        token: str,
        amount: int,
        currency: str,
        description: str,
        settles_at: float | None,
        announced: bool,
        now: float,
    ) -> Charge:
        """A pending charge; `announced` charges send charge.pending."""
        charge_id = self._chance.new_id("ch")
        self._store.insert(
            "charges",
            id=charge_id,
            reference=reference,
            token=token,
            amount=amount,
            currency=currency,
            status="pending",
            failure_code="",
            amount_refunded=0,
            description=description,
            created_at=now,
            settles_at=settles_at,
        )
        charge = self._charge(charge_id)
        if announced:
            self._tell("charge.pending", charge, now=now)
        return charge

    def settle_charge(self, charge: Charge, *, failure_code: str, now: float) -> Charge:
        status = "failed" if failure_code else "succeeded"
        settled = self._end_charge(charge, status, failure_code=failure_code)
        if not failure_code:
            self._book("charge", charge.id, charge, charge.amount, status, now=now)
            self._book_fee(charge, now=now)
        self._tell(f"charge.{status}", settled, failure_code=failure_code, now=now)
        return settled

    def _book_fee(self, charge: Charge, *, now: float) -> None:
        fee = self._dials().fee_of(charge.amount)
        if fee:
            self._book("fee", self._chance.new_id("fee"), charge, -fee, "charged", now=now)

    def pay_out(self, amount: int, currency: str, *, now: float) -> Transaction:
        n = self._store.insert(
            "transactions",
            kind="payout",
            reference=self._chance.new_id("po"),
            our_reference="",
            amount=-amount,
            currency=currency,
            status="paid",
            created_at=now,
        )
        row = self._store.first("SELECT * FROM transactions WHERE n = :n", n=n)
        assert row is not None
        return Transaction.from_row(row)

    def cancel_charge(self, charge: Charge, *, now: float) -> Charge:
        canceled = self._end_charge(charge, "canceled", failure_code="")
        self._tell("charge.canceled", canceled, now=now)
        return canceled

    def _end_charge(self, charge: Charge, status: str, *, failure_code: str) -> Charge:
        self._store.execute(
            "UPDATE charges SET status = :status, failure_code = :failure_code, settles_at = NULL WHERE id = :id",
            id=charge.id,
            status=status,
            failure_code=failure_code,
        )
        return self._charge(charge.id)

    def open_refund(
        self, charge: Charge, amount: int, *, reference: str, settles_at: float | None, now: float
    ) -> Refund:
        """A pending refund; its amount counts as refunded unless it fails."""
        refund_id = self._chance.new_id("re")
        self._store.insert(
            "refunds",
            id=refund_id,
            charge=charge.id,
            reference=reference,
            amount=amount,
            currency=charge.currency,
            status="pending",
            failure_code="",
            created_at=now,
            settles_at=settles_at,
        )
        self._add_refunded(charge.id, amount)
        return self._refund(refund_id)

    def settle_refund(self, refund: Refund, charge: Charge, *, failure_code: str, now: float) -> Refund:
        status = "failed" if failure_code else "succeeded"
        self._store.execute(
            "UPDATE refunds SET status = :status, failure_code = :failure_code, settles_at = NULL WHERE id = :id",
            id=refund.id,
            status=status,
            failure_code=failure_code,
        )
        if failure_code:
            self._add_refunded(charge.id, -refund.amount)
        if refund.status == "succeeded" or not failure_code:
            moved = refund.amount if failure_code else -refund.amount
            self._book("refund", refund.id, charge, moved, status, our_reference=refund.reference, now=now)
        self._tell(
            f"refund.{status}",
            charge,
            refund=refund.id,
            reference=refund.reference or None,
            amount=refund.amount,
            failure_code=failure_code,
            now=now,
        )
        return self._refund(refund.id)

    def has_open_dispute(self, charge: Charge) -> bool:
        return (
            self._store.first("SELECT 1 FROM disputes WHERE charge = :charge AND status = 'opened'", charge=charge.id)
            is not None
        )

    def open_dispute(self, charge: Charge, *, amount: int, reason: str, now: float) -> Dispute:
        dispute_id = self._chance.new_id("dp")
        self._store.insert(
            "disputes",
            id=dispute_id,
            charge=charge.id,
            amount=amount,
            currency=charge.currency,
            status="opened",
            reason=reason,
            evidence_due_at=now + self._dials().evidence_seconds,
            created_at=now,
        )
        self._book("dispute", dispute_id, charge, -amount, "opened", now=now)
        return self._tell_dispute(charge, self._dispute(dispute_id), now=now)

    def close_dispute(self, dispute_id: str, *, outcome: Literal["won", "lost"], now: float) -> Dispute:
        dispute = self._dispute(dispute_id)
        if dispute.status != "opened":
            raise Refused(409, "invalid_request_error", "dispute_closed", f"The dispute is {dispute.status}.")
        self._store.execute("UPDATE disputes SET status = :status WHERE id = :id", id=dispute_id, status=outcome)
        charge = self._charge(dispute.charge)
        if outcome == "won":
            self._book("dispute", dispute_id, charge, dispute.amount, "won", now=now)
        return self._tell_dispute(charge, self._dispute(dispute_id), now=now)

    def _tell_dispute(self, charge: Charge, dispute: Dispute, *, now: float) -> Dispute:
        self._tell(
            f"dispute.{dispute.status}",
            charge,
            dispute=dispute.id,
            amount=dispute.amount,
            reason=dispute.reason or None,
            evidence_due_at=iso(dispute.evidence_due_at) if dispute.evidence_due_at else None,
            now=now,
        )
        return dispute

    def _add_refunded(self, charge_id: str, amount: int) -> None:
        self._store.execute(
            "UPDATE charges SET amount_refunded = amount_refunded + :amount WHERE id = :id", id=charge_id, amount=amount
        )

    def _book(
        self,
        kind: str,
        reference: str,
        charge: Charge,
        amount: int,
        status: str,
        *,
        our_reference: str | None = None,
        now: float,
    ) -> None:
        """A line about `charge`, under its reference of ours unless it has another."""
        self._store.insert(
            "transactions",
            kind=kind,
            reference=reference,
            our_reference=charge.reference if our_reference is None else our_reference,
            amount=amount,
            currency=charge.currency,
            status=status,
            created_at=now,
            charge=charge.id,
        )

    def _tell(self, type: str, charge: Charge, *, now: float, failure_code: str = "", **changes: Any) -> None:
        data = {
            "charge": charge.id,
            "refund": None,
            "dispute": None,
            "reference": charge.reference,
            "amount": charge.amount,
            "currency": charge.currency,
            "failure_code": failure_code or None,
        }
        self._webhooks.queue(type=type, charge=charge.id, data=data | changes, now=now)

    def _charge(self, charge_id: str) -> Charge:
        row = self._store.first("SELECT * FROM charges WHERE id = :id", id=charge_id)
        assert row is not None
        return Charge.from_row(row)

    def _refund(self, refund_id: str) -> Refund:
        row = self._store.first("SELECT * FROM refunds WHERE id = :id", id=refund_id)
        assert row is not None
        return Refund.from_row(row)

    def _dispute(self, dispute_id: str) -> Dispute:
        row = self._store.first("SELECT * FROM disputes WHERE id = :id", id=dispute_id)
        if row is None:
            raise missing("There is no such dispute.")
        return Dispute.from_row(row)
