"""What the simulator is asked for, keeps and shows. Amounts are minor units, instants Unix seconds."""

import dataclasses
import datetime
import sqlite3
from typing import Any


@dataclasses.dataclass(frozen=True)
class NewCharge:
    """`reference` is the merchant's own id of the attempt; `payment_method` a token."""

    amount: int
    currency: str
    payment_method: str
    reference: str
    description: str = ""


@dataclasses.dataclass(frozen=True)
class NewRefund:
    """Without an `amount`, what is left of the charge. `reference` is the merchant's own id of the refund."""

    charge: str
    reference: str
    amount: int | None = None
    currency: str = ""


@dataclasses.dataclass(frozen=True)
class Charge:
    """`amount` and `currency` are what the simulator takes, which for some tokens is not what it was asked for."""

    n: int
    id: str
    reference: str
    token: str
    amount: int
    currency: str
    status: str
    failure_code: str
    amount_refunded: int
    description: str
    created_at: float
    settles_at: float | None

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> "Charge":
        return cls(**dict(row))

    def shown(self, *, account: str) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "object": "charge",
            "id": self.id,
            "account": account,
            "reference": self.reference,
            "status": self.status,
            "amount": self.amount,
            "amount_refunded": self.amount_refunded,
            "currency": self.currency,
            "payment_method": self.token,
            "failure_code": self.failure_code or None,
            "description": self.description,
            "created_at": iso(self.created_at),
        }


@dataclasses.dataclass(frozen=True)
class Refund:
    """`reference` is empty for refunds made at the dashboard."""

    n: int
    id: str
    charge: str
    reference: str
    amount: int
    currency: str
    status: str
    failure_code: str
    created_at: float
    settles_at: float | None

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> "Refund":
        return cls(**dict(row))

    def shown(self, *, account: str) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "object": "refund",
            "id": self.id,
            "account": account,
            "charge": self.charge,
            "reference": self.reference or None,
            "status": self.status,
            "amount": self.amount,
            "currency": self.currency,
            "failure_code": self.failure_code or None,
            "created_at": iso(self.created_at),
        }


@dataclasses.dataclass(frozen=True)
class Dispute:
    n: int
    id: str
    charge: str
    amount: int
    currency: str
    status: str
    reason: str
    evidence_due_at: float
    created_at: float

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> "Dispute":
        return cls(**dict(row))

    def shown(self, *, account: str) -> dict[str, Any]:
        """As the API shows it."""
        shown = {key: value for key, value in dataclasses.asdict(self).items() if key != "n"}
        instants = {name: iso(shown[name]) for name in ("evidence_due_at", "created_at")}
        return {"object": "dispute", "account": account, **shown, **instants}


@dataclasses.dataclass(frozen=True)
class Transaction:
    """One line of the simulator's books: `amount` is signed, what it did to the merchant's balance.

    `charge` is empty for payouts.
    """

    n: int
    kind: str
    reference: str
    our_reference: str
    amount: int
    currency: str
    status: str
    created_at: float
    charge: str

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> "Transaction":
        return cls(**dict(row))

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        shown = {key: value for key, value in dataclasses.asdict(self).items() if key != "n"}
        return shown | {"charge": self.charge or None, "created_at": iso(self.created_at)}


def iso(timestamp: float) -> str:
    """1732143375.25 → "2024-11-20T22:56:15.250000Z"."""
    instant = datetime.datetime.fromtimestamp(timestamp, tz=datetime.UTC)
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
