"""The tables that Quittance's migrations make, as far as creating and paying an invoice writes them."""

import datetime
import uuid
from typing import Any

import uuid_utils.compat
from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


class Base(DeclarativeBase):
    type_annotation_map = {
        datetime.datetime: DATETIME(fsp=6),
        dict[str, Any]: JSON,
        list[str]: JSON,
        int: BigInteger,
        str: String(500),
    }


class WithId:
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid_utils.compat.uuid7)


class WithKey:
    idempotency_owner: Mapped[str]
    idempotency_operation: Mapped[str]
    idempotency_key_digest: Mapped[str]
    request_fingerprint: Mapped[str]


class ApiKey(WithId, Base):
    __tablename__ = "billing_apikey"
    secret_hash: Mapped[str]
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime.datetime | None]
    revoked_at: Mapped[datetime.datetime | None]


class Invoice(WithId, WithKey, Base):
    __tablename__ = "invoices_invoice"
    owner: Mapped[str]
    status: Mapped[str] = mapped_column(default="open")
    number: Mapped[str | None]
    description: Mapped[str]
    due_on: Mapped[datetime.date | None]
    # Django's JSON columns on MariaDB are text as well.
    meta: Mapped[dict[str, Any]] = mapped_column("metadata")
    amount: Mapped[int]
    amount_paid: Mapped[int] = mapped_column(default=0)
    amount_refunded: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    event_sequence: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime.datetime] = mapped_column(default=now)
    lines: Mapped[list["Line"]] = relationship(back_populates="invoice", lazy="raise")
    journals: Mapped[list["Journal"]] = relationship(back_populates="invoice", lazy="raise")
    payments: Mapped[list["Payment"]] = relationship(
        back_populates="invoice", lazy="raise", foreign_keys="Payment.invoice_id"
    )


class Line(WithId, Base):
    __tablename__ = "invoices_invoiceline"
    invoice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("invoices_invoice.id"))
    position: Mapped[int]
    description: Mapped[str]
    quantity: Mapped[int]
    unit_amount: Mapped[int]
    amount: Mapped[int]
    invoice: Mapped[Invoice] = relationship(back_populates="lines")


class Journal(WithId, Base):
    __tablename__ = "invoices_journal"
    kind: Mapped[str]
    source: Mapped[str]
    recorded_at: Mapped[datetime.datetime] = mapped_column(default=now)
    invoice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("invoices_invoice.id"))
    invoice: Mapped[Invoice] = relationship(back_populates="journals")
    entries: Mapped[list["Entry"]] = relationship(back_populates="journal", lazy="raise")


class Entry(WithId, Base):
    __tablename__ = "invoices_entry"
    journal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("invoices_journal.id"))
    account: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    journal: Mapped[Journal] = relationship(back_populates="entries")


class Payment(WithId, WithKey, Base):
    __tablename__ = "payments_payment"
    invoice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("invoices_invoice.id"))
    live_invoice_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("invoices_invoice.id"))
    status: Mapped[str] = mapped_column(default="created")
    attempt: Mapped[int]
    amount: Mapped[int]
    amount_refunded: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    provider: Mapped[str]
    provider_account: Mapped[str]
    provider_reference: Mapped[str] = mapped_column(default="")
    payment_method: Mapped[str]
    failure_code: Mapped[str] = mapped_column(default="")
    failure_message: Mapped[str] = mapped_column(default="")
    correlation_id: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime.datetime] = mapped_column(default=now)
    available_at: Mapped[datetime.datetime | None]
    reconciliations: Mapped[int] = mapped_column(default=0)
    invoice: Mapped[Invoice] = relationship(back_populates="payments", foreign_keys=[invoice_id])


class Event(WithId, Base):
    __tablename__ = "outbox_outboxevent"
    type: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    data: Mapped[dict[str, Any]]
    aggregate_type: Mapped[str] = mapped_column(default="invoice")
    aggregate_id: Mapped[str]
    sequence: Mapped[int]
    shard: Mapped[int]
    actor: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    correlation_id: Mapped[str] = mapped_column(default="")
    occurred_at: Mapped[datetime.datetime] = mapped_column(default=now)
