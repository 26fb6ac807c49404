"""The simulated provider itself: deterministic for a seed, without threads or sockets, told the time by its caller.

Every `now` is Unix seconds. Every method raises Refused for what a provider refuses, and LostAnswer when the caller is
to be left in the dark.
"""

import dataclasses
from pathlib import Path
from sqlite3 import Row
from typing import Any, Literal

from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.messages import LostAnswer, Refused, invalid, missing
from payments.providers.simulated.simulator.money_moves import MoneyMoves
from payments.providers.simulated.simulator.objects import Charge, Dispute, NewCharge, NewRefund, Refund, Transaction
from payments.providers.simulated.simulator.outgoing import WebhookQueue
from payments.providers.simulated.simulator.store import Chance, IdempotencyKeys, Store, fingerprint
from payments.providers.simulated.simulator.tokens import Behaviour, behaviour_of


class SimulatorCore:
    """One provider account. May be shared between threads; starts none."""

    def __init__(
        self,
        *,
        seed: int,
        webhook_secret: str,
        account: str,
        state: str | Path = ":memory:",
        dials: Dials | None = None,
    ) -> None:
        """Raises StateInUse when another process has the `state` file open. Dials are not kept in it."""
        self.account = account
        self.webhook_secret = webhook_secret
        self.dials = dials or Dials()
        self._store = Store(state)
        self._chance = Chance(seed=seed, store=self._store)
        self._keys = IdempotencyKeys(self._store)
        self.webhooks = WebhookQueue(store=self._store, account=account, chance=self._chance, dials=lambda: self.dials)
        self._money = MoneyMoves(
            store=self._store, webhooks=self.webhooks, chance=self._chance, dials=lambda: self.dials
        )

    def close(self) -> None:
        self._store.close()

    def charge(self, new: NewCharge, *, key: str, now: float) -> Charge:
        """The same `key` and input are the same charge, as it is now, for 24 hours; after that they are another."""
        behaviour = behaviour_of(new.payment_method)
        print_ = fingerprint("charge", dataclasses.asdict(new))
        with self._store.transaction():
            known = self._keys.find(key, print_, now=now)
            if known is not None:
                return self.find_charge(known)
            accident = self._accident(key, behaviour)
            if accident is None or accident.done:
                charge = self._make_charge(new, behaviour, now=now)
                self._keys.remember(key, print_, resource=charge.id, now=now)
        if accident is not None:
            raise accident
        return charge

    def _make_charge(self, new: NewCharge, behaviour: Behaviour, *, now: float) -> Charge:
        amount, currency = _captured(new, behaviour)
        charge = self._money.open_charge(
            reference=new.reference,
            token=new.payment_method,
            amount=amount,
            currency=currency,
            description=new.description,
            settles_at=now + self.dials.settle_seconds if behaviour.settles == "later" else None,
            announced=behaviour.settles != "by_hand",
            now=now,
        )
        if behaviour.settles == "at_once":
            return self._decide(charge, behaviour, now=now)
        return charge

    def _decide(self, charge: Charge, behaviour: Behaviour, *, now: float) -> Charge:
        decided = self._money.settle_charge(charge, failure_code=behaviour.failure_code, now=now)
        if behaviour.disputed and decided.status == "succeeded":
            self._money.open_dispute(decided, amount=decided.amount, reason="fraudulent", now=now)
        return decided

    def _accident(self, key: str, behaviour: Behaviour) -> LostAnswer | None:
        first_try = self._keys.count_try(key) == 1
        match behaviour.fault:
            case "hang_always":
                return LostAnswer("hang", done=False)
            case "hang_before" if first_try:
                return LostAnswer("hang", done=False)
            case "error_before" if first_try:
                return LostAnswer("server_error", done=False)
            case "hang_after":
                return LostAnswer("hang", done=True)
            case "error_after":
                return LostAnswer("server_error", done=True)
            case "garbage_after":
                return LostAnswer("garbage", done=True)
        return self._accident_by_chance()

    def _accident_by_chance(self) -> LostAnswer | None:
        if self._chance.happens(self.dials.timeout_before):
            return LostAnswer("hang", done=False)
        if self._chance.happens(self.dials.timeout_after):
            return LostAnswer("hang", done=True)
        return None

    def refund(self, new: NewRefund, *, key: str, now: float) -> Refund:
        """Partial refunds add up to the charge at most. Idempotent as `charge` is."""
        print_ = fingerprint("refund", dataclasses.asdict(new))
        with self._store.transaction():
            known = self._keys.find(key, print_, now=now)
            if known is not None:
                return self.find_refund(known)
            accident = self._accident_by_chance()
            if accident is None or accident.done:
                refund = self._make_refund(new, now=now)
                self._keys.remember(key, print_, resource=refund.id, now=now)
        if accident is not None:
            raise accident
        return refund

    def _make_refund(self, new: NewRefund, *, now: float) -> Refund:
        charge = self.find_charge(new.charge)
        if charge.status != "succeeded":
            raise invalid("charge_not_refundable", f"A charge that is {charge.status} cannot be refunded.")
        if new.currency and new.currency != charge.currency:
            raise invalid("currency_mismatch", f"The charge is in {charge.currency}.")
        if self._money.has_open_dispute(charge):
            raise invalid("charge_disputed", "A charge under dispute cannot be refunded.")
        amount = _refundable(charge, new.amount)
        how = behaviour_of(charge.token).refunds
        settles_at = now + self.dials.settle_seconds if how == "fail_later" else None
        refund = self._money.open_refund(charge, amount, reference=new.reference, settles_at=settles_at, now=now)
        return self._money.settle_refund(refund, charge, failure_code="", now=now) if how == "at_once" else refund

    def cancel(self, charge_id: str, *, now: float) -> Charge:
        """End a pending charge; canceling it again changes nothing."""
        with self._store.transaction():
            charge = self.find_charge(charge_id)
            if charge.status == "canceled":
                return charge
            if charge.status != "pending":
                raise Refused(
                    409, "invalid_request_error", "charge_not_cancelable", f"The charge has already {charge.status}."
                )
            return self._money.cancel_charge(charge, now=now)

    def find_charge(self, charge_id: str) -> Charge:
        row = self._store.first("SELECT * FROM charges WHERE id = :id", id=charge_id)
        if row is None:
            raise missing("There is no such charge.")
        return Charge.from_row(row)

    def find_refund(self, refund_id: str) -> Refund:
        row = self._store.first("SELECT * FROM refunds WHERE id = :id", id=refund_id)
        if row is None:
            raise missing("There is no such refund.")
        return Refund.from_row(row)

    def charges(self, *, reference: str | None = None, after: int = 0, limit: int = 100) -> list[Charge]:
        """Oldest first, from number `after` on; with a `reference`, only those that carry it."""
        rows = self._by_reference("charges", reference, after, limit)
        return [Charge.from_row(row) for row in rows]

    def refunds(self, *, reference: str | None = None, after: int = 0, limit: int = 100) -> list[Refund]:
        """As `charges`."""
        rows = self._by_reference("refunds", reference, after, limit)
        return [Refund.from_row(row) for row in rows]

    def _by_reference(self, table: str, reference: str | None, after: int, limit: int) -> list[Row]:
        condition = "reference = :reference" if reference is not None else "TRUE"
        return self._store.all(
            f"SELECT * FROM {table} WHERE {condition} AND n > :after ORDER BY n LIMIT :limit",
            reference=reference,
            after=after,
            limit=limit,
        )

    def transactions(self, *, since: float, until: float, after: int = 0, limit: int = 100) -> list[Transaction]:
        """What was booked from `since` on and before `until`, oldest first, from number `after` on."""
        rows = self._store.all(
            "SELECT * FROM transactions WHERE created_at >= :since AND created_at < :until AND n > :after"
            " ORDER BY n LIMIT :limit",
            since=since,
            until=until,
            after=after,
            limit=limit,
        )
        return [Transaction.from_row(row) for row in rows]

    def charges_per_reference(self) -> dict[str, dict[str, int]]:
        """{reference: {"charges", "succeeded"}}: more than one of either is the double charge nobody may ever see."""
        rows = self._store.all(
            "SELECT reference, COUNT(*) AS charges, SUM(status = 'succeeded') AS succeeded"
            " FROM charges GROUP BY reference"
        )
        return {row["reference"]: {"charges": row["charges"], "succeeded": row["succeeded"]} for row in rows}

    def advance(self, *, now: float) -> None:
        """Decide what was to be decided later and is due."""
        with self._store.transaction():
            for row in self._due("charges", now):
                charge = Charge.from_row(row)
                self._decide(charge, behaviour_of(charge.token), now=now)
            for row in self._due("refunds", now):
                refund = Refund.from_row(row)
                charge = self.find_charge(refund.charge)
                self._money.settle_refund(refund, charge, failure_code="expired_or_canceled_card", now=now)

    def _due(self, table: str, now: float) -> list[Row]:
        return self._store.all(f"SELECT * FROM {table} WHERE settles_at <= :now ORDER BY settles_at, n", now=now)

    def settle_charge(self, charge_id: str, *, failure_code: str, now: float) -> Charge:
        """By hand: a pending charge succeeds, or fails with `failure_code`. By its id or the merchant's reference."""
        with self._store.transaction():
            charge = self._by_either_id(charge_id)
            if charge.status != "pending":
                raise Refused(409, "invalid_request_error", "charge_not_pending", f"The charge is {charge.status}.")
            return self._money.settle_charge(charge, failure_code=failure_code, now=now)

    def settle_refund(self, refund_id: str, *, failure_code: str, now: float) -> Refund:
        """By hand: a pending refund succeeds or fails; one that has succeeded may still fail."""
        with self._store.transaction():
            refund = self.find_refund(refund_id)
            if refund.status != "pending" and not (refund.status == "succeeded" and failure_code):
                raise Refused(409, "invalid_request_error", "refund_not_pending", f"The refund is {refund.status}.")
            charge = self.find_charge(refund.charge)
            return self._money.settle_refund(refund, charge, failure_code=failure_code, now=now)

    def refund_at_dashboard(self, charge_id: str, *, amount: int | None, now: float) -> Refund:
        """As the merchant's staff would do it on the provider's own pages: without a reference of ours."""
        with self._store.transaction():
            charge = self._by_either_id(charge_id)
            return self._make_refund(NewRefund(charge=charge.id, reference="", amount=amount), now=now)

    def open_dispute(self, charge_id: str, *, amount: int | None, reason: str = "fraudulent", now: float) -> Dispute:
        """The cardholder disputes a succeeded charge: its money is withdrawn until the dispute is won."""
        with self._store.transaction():
            charge = self._by_either_id(charge_id)
            if charge.status != "succeeded" or self._money.has_open_dispute(charge):
                raise invalid(
                    "charge_not_disputable", "Only a succeeded charge without an open dispute can be disputed."
                )
            return self._money.open_dispute(charge, amount=amount or charge.amount, reason=reason, now=now)

    def close_dispute(self, dispute_id: str, *, outcome: Literal["won", "lost"], now: float) -> Dispute:
        with self._store.transaction():
            return self._money.close_dispute(dispute_id, outcome=outcome, now=now)

    def balance(self, currency: str) -> int:
        """Minor units that the books hold for the merchant."""
        row = self._store.first("SELECT SUM(amount) AS total FROM transactions WHERE currency = :c", c=currency)
        return int(row["total"] or 0) if row else 0

    def pay_out(self, *, currency: str, amount: int | None, now: float) -> Transaction:
        """To the merchant's bank: `amount`, or all there is."""
        with self._store.transaction():
            balance = self.balance(currency)
            wanted = balance if amount is None else amount
            if not 0 < wanted <= balance:
                raise invalid("balance_insufficient", f"There are {balance} {currency} to pay out.")
            return self._money.pay_out(wanted, currency, now=now)

    def _by_either_id(self, charge_id: str) -> Charge:
        by_reference = self.charges(reference=charge_id, limit=1) if charge_id else []
        return by_reference[0] if by_reference else self.find_charge(charge_id)

    def shown_charge(self, charge: Charge) -> dict[str, Any]:
        """As the API shows it to the merchant, which for two tokens is not the truth."""
        shown = charge.shown(account=self.account)
        match behaviour_of(charge.token).answers_with:
            case "other_reference":
                return shown | {"reference": f"{charge.reference}_of_somebody_else"}
            case "other_account":
                return shown | {"account": f"{self.account}_of_somebody_else"}
        return shown


def _captured(new: NewCharge, behaviour: Behaviour) -> tuple[int, str]:
    match behaviour.captures:
        case "other_amount":
            return (new.amount - 1 if new.amount > 1 else 2), new.currency
        case "other_currency":
            return new.amount, ("USD" if new.currency != "USD" else "EUR")
    return new.amount, new.currency


def _refundable(charge: Charge, asked: int | None) -> int:
    left = charge.amount - charge.amount_refunded
    amount = left if asked is None else asked
    if left == 0:
        raise invalid("charge_already_refunded", "The charge has been refunded in full.")
    if amount > left:
        raise invalid("amount_too_large", f"Only {left} of the charge are left to refund.")
    return amount
