"""What happened to one invoice, from its issue to where it stands now, as the rows the services would have left."""

import datetime
import json
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from config.api.principals import MERCHANT
from config.kernel import ids
from config.volume.bulk_insert import Rows
from invoices.ledger import accounts
from invoices.ledger.models import JournalKind
from invoices.models import Entry, Invoice, InvoiceLine, Journal
from invoices.states import InvoiceStatus
from outbox.models import OutboxEvent
from outbox.services.record import shard_of

EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - databases hold UTC without a zone
SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
"""In milliseconds."""
MERCHANT_ACTOR = "api_key:seed_volume"


class Id(NamedTuple):
    """One id in both its forms: `text` for people and JSON, `hex` for the database."""

    text: str
    hex: str


class Ids:
    """Ids whose time is what the caller says, in the order they are made."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made = 0

    def new(self, prefix: str, ms: int) -> Id:
        """A UUIDv7 of this Unix time in milliseconds."""
        number = self._number(ms)
        return Id(ids.from_number(prefix, number), f"{number:032x}")

    def new_hex(self, ms: int) -> str:
        """The same for a row that nobody names."""
        return f"{self._number(ms):032x}"

    def _number(self, ms: int) -> int:
        self._made = (self._made + 1) & 0xFFF
        return ms << 80 | 0x7 << 76 | self._made << 64 | 0b10 << 62 | self._rng.getrandbits(62)

    def restart(self) -> None:
        """The counter orders ids of one millisecond; 4,095 of them fit between two of these."""
        self._made = 0


def instant(ms: int) -> str:
    """As both databases store it."""
    return str(EPOCH + datetime.timedelta(milliseconds=ms, microseconds=1))


def moment(ms: int) -> str:
    """As events have it."""
    return f"{instant(ms).replace(' ', 'T')}Z"


class Line(NamedTuple):
    description: str
    quantity: int
    unit_amount: int
    tax_amount: int

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_amount + self.tax_amount


class InvoiceTerms(NamedTuple):
    """What an invoice is about. `issued_at` is in Unix milliseconds."""

    issued_at: int
    number: str
    order_id: str | None
    customer: Id
    currency: str
    lines: Sequence[Line]


class InvoiceHistory:
    """Call what happened in its order, then `finish`. Each event is a millisecond after the one before."""

    def __init__(self, rows: Rows, ids_: Ids, rng: random.Random, terms: InvoiceTerms) -> None:
        self.rows, self.ids, self.rng, self.terms = rows, ids_, rng, terms
        ids_.restart()
        self.now = terms.issued_at
        self.id = ids_.new("inv", self.now)
        self.correlation_id = ids_.new("req", self.now).text
        self.status: str = InvoiceStatus.OPEN
        self.amount = sum(line.amount for line in terms.lines)
        self.tax_amount = sum(line.tax_amount for line in terms.lines)
        self.amount_paid = self.amount_refunded = self.attempts = 0
        self._next_attempt_at: int | None = None
        self._shard = shard_of(self.id.text)
        self._sequence = 0
        self._paid_at: str | None = None
        self._voided_at: str | None = None
        self._due_on = str((EPOCH + datetime.timedelta(milliseconds=self.now, days=14)).date())
        self._issue()

    def advance(self, least: int, most: int) -> None:
        """Let so many milliseconds pass, at random between the two."""
        self.now += self.rng.randint(least, most)

    def change_status(
        self, status: str, event: str, actor: str, reason: str = "", next_attempt_at: int | None = None
    ) -> None:
        """With `next_attempt_at`, in Unix milliseconds, another payment will be made then."""
        self.status, self._next_attempt_at = status, next_attempt_at
        self.record_event(event, actor, reason)

    def pay(self, event: str, actor: str, reason: str) -> None:
        self.amount_paid, self._paid_at = self.amount, instant(self.now)
        self.change_status(InvoiceStatus.PAID, event, actor, reason)

    def void(self) -> None:
        self.advance(MINUTE, 10 * DAY)
        self._voided_at = instant(self.now)
        self.change_status(InvoiceStatus.VOID, "invoice.voided", "staff:seed_volume", "issued by mistake")
        booked = self._issued()
        reversed_ = {account: -amount for account, amount in booked.items()}
        self.post_journal(JournalKind.INVOICE_VOIDED, self.id.text, reversed_)

    def refund(self, refund: Id, amount: int, holder: str) -> None:
        """Money that had paid it has left the account `holder`, its tax with it."""
        tax = self._tax_in(self.amount_refunded + amount) - self._tax_in(self.amount_refunded)
        self.amount_refunded += amount
        entries = {accounts.REFUNDS: amount - tax, accounts.TAX_PAYABLE: tax, holder: -amount}
        self.post_journal(JournalKind.REFUND, refund.text, entries)

    def _tax_in(self, amount: int) -> int:
        return round(Fraction(self.tax_amount * amount, self.amount)) if self.tax_amount else 0

    def record_event(self, event: str, actor: str, reason: str = "", data: dict[str, Any] | None = None) -> None:
        """An event of the invoice's aggregate; about the invoice itself unless `data` is another's."""
        self.now += 1
        self._sequence += 1
        self.rows.add(
            OutboxEvent,
            id=self.ids.new_hex(self.now),
            type=event,
            data=json.dumps(data or self._event_data()),
            aggregate_type="invoice",
            aggregate_id=self.id.text,
            sequence=self._sequence,
            actor=actor,
            reason=reason,
            correlation_id=self.correlation_id,
            occurred_at=instant(self.now),
            shard=self._shard,
            position=None,
        )

    def move_money(self, kind: JournalKind, source: str, debit: str, credit: str, amount: int) -> None:
        """A journal of two entries over `amount` minor units."""
        self.post_journal(kind, source, {debit: amount, credit: -amount})

    def post_journal(self, kind: JournalKind, source: str, entries: dict[str, int]) -> None:
        """`entries` maps accounts to signed minor units, debits positive; zeros are left out."""
        journal = self.ids.new_hex(self.now)
        self.rows.add(
            Journal,
            id=journal,
            kind=kind.value,
            source=source,
            invoice_id=self.id.hex,
            recorded_at=instant(self.now),
        )
        for account, signed in entries.items():
            if signed == 0:
                continue
            self.rows.add(
                Entry,
                id=self.ids.new_hex(self.now),
                journal_id=journal,
                account=account,
                amount=signed,
                currency=self.terms.currency,
            )

    def finish(self) -> None:
        """Nothing more happens: the invoice's row as it stands now."""
        self.rows.add(
            Invoice,
            id=self.id.hex,
            owner=MERCHANT,
            number=self.terms.number,
            order_id=self.terms.order_id,
            customer_id=self.terms.customer.hex,
            description="Seeded",
            due_on=self._due_on,
            status=self.status,
            amount=self.amount,
            tax_amount=self.tax_amount,
            amount_paid=self.amount_paid,
            amount_refunded=self.amount_refunded,
            currency=self.terms.currency,
            attempts=self.attempts,
            next_attempt_at=instant(self._next_attempt_at) if self._next_attempt_at else None,
            created_at=instant(self.terms.issued_at),
            paid_at=self._paid_at,
            voided_at=self._voided_at,
            event_sequence=self._sequence,
        )

    def _issue(self) -> None:
        for position, line in enumerate(self.terms.lines, start=1):
            self.rows.add(
                InvoiceLine,
                id=self.ids.new_hex(self.now),
                invoice_id=self.id.hex,
                position=position,
                description=line.description,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                tax_amount=line.tax_amount,
                amount=line.amount,
            )
        self.post_journal(JournalKind.INVOICE_ISSUED, self.id.text, self._issued())
        self.record_event("invoice.created", MERCHANT_ACTOR)

    def _issued(self) -> dict[str, int]:
        return {
            accounts.RECEIVABLE: self.amount,
            accounts.REVENUE: self.tax_amount - self.amount,
            accounts.TAX_PAYABLE: -self.tax_amount,
        }

    def _event_data(self) -> dict[str, Any]:
        return {
            "invoice": self.id.text,
            "status": self.status,
            "number": self.terms.number,
            "order_id": self.terms.order_id,
            "customer": self.terms.customer.text,
            "amount": self.amount,
            "tax_amount": self.tax_amount,
            "amount_paid": self.amount_paid,
            "amount_credited": 0,
            "amount_refunded": self.amount_refunded,
            "amount_due": 0 if self.status == InvoiceStatus.VOID else self.amount - self.amount_paid,
            "currency": self.terms.currency,
            "due_on": self._due_on,
            "next_attempt_at": moment(self._next_attempt_at) if self._next_attempt_at else None,
        }
