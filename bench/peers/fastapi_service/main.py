"""Two endpoints: create an invoice, pay it."""

import datetime
import hashlib
import hmac
import os
import uuid
import zlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload

from bench.peers.fastapi_service.models import ApiKey, Entry, Event, Invoice, Journal, Line, Payment, now
from bench.peers.fastapi_service.schemas import InvoiceAnswer, NewInvoice, ShownInvoice, ShownPayment, Terms

POOL = 8
"""Connections per process: two processes have as many as Quittance's two times eight threads."""
GRACE = datetime.timedelta(seconds=5)

engine = create_async_engine(
    os.environ["PEER_DATABASE_URL"], isolation_level="READ COMMITTED", pool_size=POOL, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]


async def authenticate(session: Session, authorization: Annotated[str, Header()] = "") -> ApiKey:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    key = await session.scalar(select(ApiKey).where(ApiKey.secret_hash == digest))
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now()):
        raise HTTPException(401, "The API key is unknown, expired or revoked.")
    if "invoices:write" not in key.scopes:
        raise HTTPException(403, "The API key lacks the scope invoices:write.")
    return key


Caller = Annotated[ApiKey, Depends(authenticate)]


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/invoices", status_code=201)
async def create(
    body: NewInvoice, caller: Caller, session: Session, key: IdempotencyKey, response: Response
) -> InvoiceAnswer:
    claim = _claim("invoices.create", key, body.model_dump_json())
    invoice = Invoice(
        id=uuid_of(Invoice),
        owner="merchant",
        status="open",
        amount_paid=0,
        amount_refunded=0,
        attempts=0,
        created_at=now(),
        number=body.number,
        description=body.description,
        due_on=body.due_on,
        meta=body.metadata,
        amount=body.amount,
        currency=body.currency,
        lines=[Line(position=1, description=body.description, quantity=1, unit_amount=body.amount, amount=body.amount)],
        **claim,
    )
    invoice.journals = [
        Journal(
            kind="invoice_issued",
            source=f"inv_{invoice.id.hex}",
            entries=[
                Entry(account="receivable", amount=body.amount, currency=body.currency),
                Entry(account="revenue", amount=-body.amount, currency=body.currency),
            ],
        )
    ]
    session.add_all([invoice, _event(invoice, "invoice.created", caller, ShownInvoice, invoice)])
    try:
        await session.commit()
    except IntegrityError:
        await session.rollback()
        invoice = await _earlier(session, select(Invoice).options(selectinload(Invoice.lines)), Invoice, claim)
        response.status_code = 200
    return InvoiceAnswer.model_validate(invoice)


@app.post("/api/v1/invoices/{invoice_id}/pay", status_code=201)
async def pay(
    invoice_id: uuid.UUID, body: Terms, caller: Caller, session: Session, key: IdempotencyKey, response: Response
) -> ShownPayment:
    claim = _claim(f"invoices.pay:{invoice_id}", key, body.model_dump_json())
    claim["idempotency_operation"] = "invoices.pay"
    invoice = await session.get(Invoice, invoice_id, with_for_update=True)
    if invoice is None:
        raise HTTPException(404, "There is no such invoice.")
    if earlier := await _find(session, select(Payment), Payment, claim):
        response.status_code = 200
        return ShownPayment.model_validate(earlier)
    if invoice.status not in ("open", "failed"):
        raise HTTPException(409, f"Cannot pay an invoice in {invoice.status} status.")
    payment = Payment(
        id=uuid_of(Payment),
        invoice_id=invoice.id,
        live_invoice_id=invoice.id,
        attempt=invoice.attempts + 1,
        amount=invoice.amount - invoice.amount_paid,
        currency=invoice.currency,
        status="created",
        amount_refunded=0,
        provider_reference="",
        failure_code="",
        provider="simulated",
        provider_account="acct_simulated",
        payment_method=body.payment_method,
        created_at=now(),
        available_at=now() + GRACE,
        **claim,
    )
    session.add_all([payment, _event(invoice, "payment.requested", caller, ShownPayment, payment)])
    invoice.status, invoice.attempts = "processing", invoice.attempts + 1
    session.add(_event(invoice, "invoice.processing", caller, ShownInvoice, invoice))
    await session.commit()
    return ShownPayment.model_validate(payment)


def uuid_of(model: type[Invoice | Payment]) -> uuid.UUID:
    made: uuid.UUID = model.__table__.c.id.default.arg(None)
    return made


def _claim(operation: str, key: str, body: str) -> dict[str, str]:
    fingerprint = hmac.new(b"bench", f"{operation}\n{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "idempotency_owner": "merchant",
        "idempotency_operation": operation,
        "idempotency_key_digest": hashlib.sha256(key.encode()).hexdigest(),
        "request_fingerprint": f"v1:{fingerprint}",
    }


async def _find(session: AsyncSession, query: Any, model: Any, claim: dict[str, str]) -> Any:
    found = await session.scalar(
        query.where(
            model.idempotency_owner == claim["idempotency_owner"],
            model.idempotency_operation == claim["idempotency_operation"],
            model.idempotency_key_digest == claim["idempotency_key_digest"],
        )
    )
    if found is not None and found.request_fingerprint != claim["request_fingerprint"]:
        raise HTTPException(409, "This Idempotency-Key was already used with other input.")
    return found


async def _earlier(session: AsyncSession, query: Any, model: Any, claim: dict[str, str]) -> Any:
    found = await _find(session, query, model, claim)
    if found is None:
        raise HTTPException(409, "There already is an invoice with this number.")
    return found


def _event(invoice: Invoice, type: str, caller: ApiKey, shown: type[Any], row: Any) -> Event:
    invoice.event_sequence = (invoice.event_sequence or 0) + 1
    aggregate_id = f"inv_{invoice.id.hex}"
    return Event(
        type=type,
        data=shown.model_validate(row).model_dump(mode="json"),
        aggregate_id=aggregate_id,
        sequence=invoice.event_sequence,
        shard=zlib.crc32(aggregate_id.encode()) % 64,
        actor=f"api_key:{caller.id}",
    )
