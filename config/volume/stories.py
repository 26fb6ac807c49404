"""What happened to one invoice, from its issue to where it stands now, as the rows the services would have left."""

import datetime
import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from config.api.principals import MERCHANT
from config.kernel import ids
from config.volume import tables
from config.volume.tables import Rows
from invoices.ledger import accounts
from invoices.ledger.models import JournalKind
from invoices.states import InvoiceStatus
from outbox.services.record import shard_of

EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - databases hold UTC without a zone
SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
MERCHANT_ACTOR = "api_key:seed_volume"


class Id(NamedTuple):
    """One id in both its forms: `text` for people and JSON, `digits` for the database."""

    text: str
    digits: str


class Ids:
    """Ids whose time is what the caller says, in the order they are made; unlike `ids.new`, the same for a seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made = 0

    def at(self, prefix: str, ms: int) -> Id:
        """A UUIDv7 of this Unix time in milliseconds."""
        self._made = (self._made + 1) & 0xFFF
        number = ms << 80 | 0x7 << 76 | self._made << 64 | 0b10 << 62 | self._rng.getrandbits(62)
        return Id(ids.from_number(prefix, number), f"{number:032x}")

    def restart(self) -> None:
        """The counter orders ids of one millisecond; 4,095 of them fit between two of these."""
        self._made = 0


def instant(ms: int) -> str:
    """As both databases store it."""
    return str(EPOCH + datetime.timedelta(milliseconds=ms, microseconds=1))


class Line(NamedTuple):
    description: str
    quantity: int
    unit_amount: int


class Terms(NamedTuple):
    """What an invoice is about. `started` is the instant it was issued, in Unix milliseconds."""

    started: int
    number: str
    order_id: str | None
    customer: str | None
    customer_digits: str | None
    currency: str
    lines: Sequence[Line]


class Story:
    """Call what happened in its order, then `end`. Time passes by itself, a little with each step."""

    def __init__(self, rows: Rows, ids_: Ids, rng: random.Random, terms: Terms) -> None:
        self.rows, self.ids, self.rng, self.terms = rows, ids_, rng, terms
        ids_.restart()
        self.now = terms.started
        self.id = ids_.at("inv", self.now)
        self.shard = shard_of(self.id.text)
        self.correlation_id = ids_.at("req", self.now).text
        self.status: str = InvoiceStatus.OPEN
        self.amount = sum(line.quantity * line.unit_amount for line in terms.lines)
        self.amount_paid = self.attempts = self.sequence = 0
        self.paid_at: str | None = None
        self.voided_at: str | None = None
        self.due_on = str((EPOCH + datetime.timedelta(milliseconds=self.now, days=14)).date())
        self._issue()

    def _issue(self) -> None:
        for position, line in enumerate(self.terms.lines, start=1):
            amount = line.quantity * line.unit_amount
            key = self.ids.at("il", self.now).digits
            self.rows.add(tables.LINES, key, self.id.digits, position, *line, amount)
        self.post(JournalKind.INVOICE_ISSUED, self.id.text, accounts.RECEIVABLE, accounts.REVENUE, self.amount)
        self.tell("invoice.created", MERCHANT_ACTOR)

    def pass_time(self, least: int, most: int) -> None:
        """Milliseconds."""
        self.now += self.rng.randint(least, most)

    def move(self, status: str, event: str, actor: str, reason: str = "") -> None:
        """The invoice goes to `status`, and its log says so."""
        self.status = status
        self.tell(event, actor, reason)

    def void(self) -> None:
        self.pass_time(MINUTE, 10 * DAY)
        self.voided_at = instant(self.now)
        self.move(InvoiceStatus.VOID, "invoice.voided", "staff:seed_volume", "issued by mistake")
        self.post(JournalKind.INVOICE_VOIDED, self.id.text, accounts.REVENUE, accounts.RECEIVABLE, self.amount)

    def tell(self, event: str, actor: str, reason: str = "", data: dict[str, Any] | None = None) -> None:
        """An event in the invoice's log; about the invoice unless `data` says about what."""
        self.now += 1
        self.sequence += 1
        self.rows.add(
            tables.EVENTS,
            *[self.ids.at("evt", self.now).digits, event, json.dumps(data or self._data()), "invoice", self.id.text],
            *[self.sequence, actor, reason, self.correlation_id, instant(self.now), self.shard],
        )

    def _data(self) -> dict[str, Any]:
        return {
            "invoice": self.id.text,
            "status": self.status,
            "number": self.terms.number,
            "order_id": self.terms.order_id,
            "customer": self.terms.customer,
            "amount": self.amount,
            "amount_paid": self.amount_paid,
            "amount_refunded": 0,
            "amount_due": 0 if self.status == InvoiceStatus.VOID else self.amount - self.amount_paid,
            "currency": self.terms.currency,
            "due_on": self.due_on,
        }

    def post(self, kind: JournalKind, source: str, debit: str, credit: str, amount: int) -> None:
        """A journal over `amount` minor units."""
        journal = self.ids.at("jrn", self.now).digits
        self.rows.add(tables.JOURNALS, journal, kind.value, source, self.id.digits, instant(self.now))
        for account, signed in ((debit, amount), (credit, -amount)):
            key = self.ids.at("ent", self.now).digits
            self.rows.add(tables.ENTRIES, key, journal, account, signed, self.terms.currency)

    def end(self) -> None:
        """Nothing more happens: the invoice's row as it stands now."""
        self.rows.add(
            tables.INVOICES,
            *[self.id.digits, MERCHANT, self.terms.number, self.terms.order_id, self.terms.customer_digits],
            *["Seeded", self.due_on, self.status, self.amount, self.amount_paid, self.terms.currency, self.attempts],
            *[instant(self.terms.started), self.paid_at, self.voided_at, self.sequence],
        )
