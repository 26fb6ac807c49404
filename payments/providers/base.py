"""What a payment provider is to Quittance: plain requests in, plain outcomes out. Adapters import no models."""

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Literal, Protocol


@dataclasses.dataclass(frozen=True)
class ChargeRequest:
    """One attempt. `payment_id` is both the provider's idempotency key and the reference it echoes."""

    payment_id: str
    amount: int
    currency: str
    payment_method: str


@dataclasses.dataclass(frozen=True)
class RefundRequest:
    """`refund_id` is both the provider's idempotency key and the reference it echoes."""

    refund_id: str
    provider_reference: str
    amount: int
    currency: str


@dataclasses.dataclass(frozen=True)
class Succeeded:
    """The provider has the money (or, for a refund, has returned it)."""

    reference: str
    amount: int
    currency: str
    account: str


@dataclasses.dataclass(frozen=True)
class Declined:
    """The provider will not take the money, for good as far as this attempt goes."""

    code: str
    retryable: bool
    reference: str = ""
    message: str = ""


@dataclasses.dataclass(frozen=True)
class Pending:
    """The provider has accepted the request and will decide later."""

    reference: str = ""


@dataclasses.dataclass(frozen=True)
class Canceled:
    """The attempt ended at the provider without money."""

    reference: str = ""


@dataclasses.dataclass(frozen=True)
class Unknown:
    """The answer was lost or made no sense: the provider may or may not have acted."""

    detail: str


@dataclasses.dataclass(frozen=True)
class NotFound:
    """The provider knows nothing of this reference. Never the same as a failure."""


@dataclasses.dataclass(frozen=True)
class MethodDetails:
    """What a token stands for, as its customer knows it: "visa", "4242", 12, 2034."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int


Outcome = Succeeded | Declined | Pending | Canceled | Unknown | NotFound


@dataclasses.dataclass(frozen=True)
class ListedTransaction:
    """One line of the provider's own books. `amount` is signed: what it did to our balance there. A fee or payout is
    listed once it has happened: its status never changes, or it would be booked again.

    `status` is what the line books: a charge or refund that "succeeded", a refund that "failed" after it had succeeded,
    a dispute "opened" or "won". `charge_reference` names the charge it belongs to, where there is one and we are told.
    """

    kind: Literal["charge", "refund", "dispute", "fee", "payout"]
    reference: str
    our_reference: str
    amount: int
    currency: str
    status: str
    created_at: datetime.datetime
    charge_reference: str = ""


@dataclasses.dataclass(frozen=True)
class DisputeNews:
    """How a dispute of the event's charge stands, over `amount` of `currency` in minor units."""

    status: Literal["opened", "won", "lost"]
    amount: int
    currency: str
    reason: str = ""
    evidence_due_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class ProviderEvent:
    """A verified webhook, parsed. References that the provider left out are empty strings.

    One of `outcome` (of the charge), `refund_outcome` and `dispute` is set; none where the type is of no concern to us.
    """

    id: str
    type: str
    account: str
    created_at: datetime.datetime
    our_reference: str
    charge_reference: str
    refund_reference: str = ""
    dispute_reference: str = ""
    amount: int | None = None
    currency: str = ""
    outcome: Outcome | None = None
    refund_outcome: Outcome | None = None
    dispute: DisputeNews | None = None


class BadSignature(Exception):
    """The webhook's signature or timestamp is missing, malformed, wrong, too old or too far ahead."""


class MalformedEvent(Exception):
    """The signed body is not an event of this provider."""


class ListingInterrupted(Exception):
    """The provider's books could not be read to the end: what has come so far is not all of it."""


class Provider(Protocol):
    """One instance per configured account. Calls never raise for what a provider may do: that is an Outcome.

    `charge`, `refund` and `cancel` are idempotent by the id they carry, for `idempotency_window_seconds`.
    """

    name: str
    account: str
    idempotency_window_seconds: int
    settles_itself: bool
    """False for manual providers: a person or service confirms; nothing is ever asked of the provider."""
    failure_codes: frozenset[str]
    """The codes its Declined are known to carry, which metrics tell apart; it may well invent others."""

    def charge(self, request: ChargeRequest) -> Outcome: ...

    def refund(self, request: RefundRequest) -> Outcome: ...

    def cancel(self, *, payment_id: str, provider_reference: str) -> Outcome: ...

    def retrieve(self, *, payment_id: str, provider_reference: str) -> Outcome:
        """By the provider's reference when it is known, else by ours."""
        ...

    def retrieve_refund(self, *, refund_id: str, provider_reference: str) -> Outcome:
        """By the provider's reference when it is known, else by ours."""
        ...

    def inspect_method(self, token: str) -> MethodDetails | NotFound | Unknown:
        """What the token of a payment method stands for. Nothing happens at the provider."""
        ...

    def list(self, *, since: datetime.datetime, until: datetime.datetime) -> Iterator[ListedTransaction]:
        """What was booked from `since` on and before `until`, oldest first. Raises ListingInterrupted."""
        ...

    def verify_webhook(self, *, body: bytes, headers: Mapping[str, str], now: datetime.datetime) -> None:
        """Raise BadSignature unless a live secret signed `body` within ±300 s of `now`. Header names in any case."""
        ...

    def parse_event(self, body: bytes) -> ProviderEvent:
        """Raise MalformedEvent unless `body` is an event."""
        ...
