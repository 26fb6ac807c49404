"""What goes in and out, validated by pydantic."""

import datetime
import uuid
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[int, Field(gt=0, le=2**53, strict=True)]


class NewInvoice(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: Amount
    currency: Currency
    number: Annotated[str, Field(max_length=100)] | None = None
    description: Annotated[str, Field(max_length=500)] = ""
    due_on: datetime.date | None = None
    metadata: dict[str, Any] = {}


class Terms(BaseModel):
    model_config = ConfigDict(extra="forbid")

    payment_method: Annotated[str, Field(min_length=1, max_length=200)]


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ShownLine(Shown):
    description: str
    quantity: int
    unit_amount: int
    amount: int


class ShownInvoice(Shown):
    id: uuid.UUID
    status: str
    number: str | None
    description: str
    due_on: datetime.date | None
    amount: int
    amount_paid: int
    amount_refunded: int
    currency: str
    attempts: int
    created_at: datetime.datetime


class InvoiceAnswer(ShownInvoice):
    lines: list[ShownLine]


class ShownPayment(Shown):
    id: uuid.UUID
    invoice_id: uuid.UUID
    status: str
    attempt: int
    amount: int
    amount_refunded: int
    currency: str
    provider: str
    provider_reference: str
    payment_method: str
    failure_code: str
    created_at: datetime.datetime
