"""What happened to one customer, as the rows the services would have left."""

import json
from typing import Any

from config.volume.bulk_insert import Row, Rows
from config.volume.invoice_history import MERCHANT_ACTOR, Id, Ids, instant
from invoices.ledger import accounts
from invoices.ledger.models import JournalKind
from invoices.models import CreditEntry, CreditKind, Customer, Entry, Journal
from outbox.models import OutboxEvent
from outbox.services.record import shard_of


class CustomerHistory:
    """Call what happened in its order, then `finish`; all of it is of one moment, in Unix milliseconds."""

    def __init__(self, rows: Rows, ids: Ids, customer: Id, now: int) -> None:
        self._rows, self._ids, self._customer, self._now = rows, ids, customer, now
        self._sequence = 0
        self._row: Row = {}

    def create(self, name: str, email: str) -> None:
        self._row = self._rows.add(
            Customer, id=self._customer.hex, name=name, email=email, created_at=instant(self._now), event_sequence=0
        )
        self._record("customer.created", {"customer": self._customer.text, "name": name, "email": email})

    def grant_credit(self, amount: int, currency: str) -> None:
        """By hand, once."""
        entry = self._ids.new("cre", self._now)
        self._rows.add(
            CreditEntry,
            id=entry.hex,
            customer_id=self._customer.hex,
            kind=CreditKind.GRANTED.value,
            amount=amount,
            currency=currency,
            number=1,
            balance=amount,
            reason="Seeded",
            actor=MERCHANT_ACTOR,
            created_at=instant(self._now),
        )
        told = {"credit": entry.text, "customer": self._customer.text, "invoice": None, "amount": amount}
        self._record("credit.granted", told | {"balance": amount, "currency": currency}, "Seeded")
        journal = self._ids.new_hex(self._now)
        kind = JournalKind.CREDIT_GRANTED.value
        self._rows.add(
            Journal, id=journal, kind=kind, source=entry.text, invoice_id=None, recorded_at=instant(self._now)
        )
        for account, signed in ((accounts.CREDITS, amount), (accounts.CUSTOMER_CREDIT, -amount)):
            id = self._ids.new_hex(self._now)
            self._rows.add(Entry, id=id, journal_id=journal, account=account, amount=signed, currency=currency)

    def finish(self) -> None:
        """Nothing more happens."""
        self._row["event_sequence"] = self._sequence

    def _record(self, type: str, data: dict[str, Any], reason: str = "") -> None:
        self._sequence += 1
        self._rows.add(
            OutboxEvent,
            id=self._ids.new_hex(self._now),
            type=type,
            data=json.dumps(data),
            aggregate_type="customer",
            aggregate_id=self._customer.text,
            sequence=self._sequence,
            actor=MERCHANT_ACTOR,
            reason=reason,
            correlation_id=self._ids.new("req", self._now).text,
            occurred_at=instant(self._now),
            shard=shard_of(self._customer.text),
            position=None,
        )
