"""What the provider's JSON says, as outcomes: anything that is not exactly as agreed raises Odd."""

import datetime
import re
from typing import Any, Literal

from config.kernel.money import MAX_AMOUNT
from payments.providers.base import (
    Canceled,
    Declined,
    DisputeNews,
    ListedTransaction,
    MethodDetails,
    Outcome,
    Pending,
    ProviderEvent,
    Succeeded,
)
from payments.providers.simulated.declines import UNSPECIFIED, is_retryable

_IDENTIFIER = re.compile(r"[\x21-\x7e]+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LAST4 = re.compile(r"[0-9]{4}")
_KINDS = ("charge", "refund", "dispute", "fee", "payout")


class Odd(ValueError):
    """The document is not of the agreed shape."""


def outcome_of(document: dict[str, Any], *, our_reference: str, account: str, asked_for: str = "") -> Outcome:
    """The outcome a charge or refund object states; Odd when it is about another reference or account than ours.

    The provider's own object `asked_for` may carry none of ours: somebody has made it on the provider's pages.
    """
    is_made_there = asked_for != "" and document.get("reference") is None and document.get("id") == asked_for
    if not is_made_there and identifier(document, "reference", 200) != our_reference:
        raise Odd("the answer is about another reference than ours")
    if identifier(document, "account", 100) != account:
        raise Odd("the answer is from another account than ours")
    status = identifier(document, "status", 100)
    return _outcome(status, document, reference=identifier(document, "id", 200), account=account)


def _outcome(status: str, document: dict[str, Any], *, reference: str, account: str) -> Outcome:
    amount, currency = _amount(document), _currency(document)
    match status:
        case "pending":
            return Pending(reference)
        case "succeeded":
            return Succeeded(reference, amount, currency, account)
        case "failed":
            return declined(optional_identifier(document, "failure_code", 100), reference=reference)
        case "canceled":
            return Canceled(reference)
    raise Odd("the status is unknown")


def declined(code: str, *, reference: str = "", message: str = "") -> Declined:
    """`code` may be empty."""
    return Declined(code or UNSPECIFIED, is_retryable(code), reference, message)


def event_of(document: Any) -> ProviderEvent:
    """A webhook's body. Types that nobody handles carry neither an outcome nor a dispute."""
    event = _object(document)
    data = _object(event.get("data"))
    type_, account = identifier(event, "type", 100), identifier(event, "account", 100)
    charge = optional_identifier(data, "charge", 200)
    refund = optional_identifier(data, "refund", 200)
    dispute = optional_identifier(data, "dispute", 200)
    amount = None if data.get("amount") is None else _amount(data)
    return ProviderEvent(
        id=identifier(event, "id", 200),
        type=type_,
        account=account,
        created_at=instant(event.get("created_at")),
        our_reference=optional_identifier(data, "reference", 200),
        charge_reference=charge,
        refund_reference=refund,
        dispute_reference=dispute,
        amount=amount,
        currency="" if data.get("currency") is None else _currency(data),
        outcome=_outcome_of_event("charge", type_, data, reference=charge, account=account),
        refund_outcome=_outcome_of_event("refund", type_, data, reference=refund, account=account),
        dispute=_dispute_of_event(type_, data, charge=charge, dispute=dispute),
    )


_STATUSES = {"charge": {"pending", "succeeded", "failed", "canceled"}, "refund": {"pending", "succeeded", "failed"}}


def _outcome_of_event(
    subject: str, type_: str, data: dict[str, Any], *, reference: str, account: str
) -> Outcome | None:
    """What an event of the family `subject` says of the object `reference`; None for events of other types."""
    family, _, status = type_.partition(".")
    if family != subject or status not in _STATUSES[subject]:
        return None
    if not reference:
        raise Odd(f"a {subject} event names no {subject}")
    return _outcome(status, data, reference=reference, account=account)


_DISPUTES: dict[str, Literal["opened", "won", "lost"]] = {
    "dispute.opened": "opened",
    "dispute.won": "won",
    "dispute.lost": "lost",
}


def _dispute_of_event(type_: str, data: dict[str, Any], *, charge: str, dispute: str) -> DisputeNews | None:
    status = _DISPUTES.get(type_)
    if status is None:
        return None
    if not charge or not dispute:
        raise Odd("a dispute event names no charge or no dispute")
    due, amount = data.get("evidence_due_at"), _amount(data)
    if amount == 0:
        raise Odd("a dispute over nothing")
    return DisputeNews(
        status=status,
        amount=amount,
        currency=_currency(data),
        reason=optional_identifier(data, "reason", 100),
        evidence_due_at=None if due is None else instant(due),
    )


def transaction_of(document: Any) -> ListedTransaction:
    line = _object(document)
    kind = line.get("kind")
    amount = line.get("amount")
    if kind not in _KINDS:
        raise Odd("the kind is unknown")
    if isinstance(amount, bool) or not isinstance(amount, int) or abs(amount) > MAX_AMOUNT:
        raise Odd("the amount is not an integer of minor units")
    return ListedTransaction(
        kind=kind,
        reference=identifier(line, "reference", 200),
        our_reference=optional_identifier(line, "our_reference", 200),
        amount=amount,
        currency=_currency(line),
        status=identifier(line, "status", 100),
        created_at=instant(line.get("created_at")),
        charge_reference=optional_identifier(line, "charge", 200),
    )


def method_of(document: dict[str, Any], *, token: str, account: str) -> MethodDetails:
    """What a token stands for; Odd when the answer is about another token or from another account than ours."""
    if identifier(document, "id", 200) != token:
        raise Odd("the answer is about another token")
    if identifier(document, "account", 100) != account:
        raise Odd("the answer is from another account than ours")
    card = _object(document.get("card"))
    last4 = identifier(card, "last4", 4)
    if not _LAST4.fullmatch(last4):
        raise Odd("last4 is not four digits")
    return MethodDetails(
        brand=identifier(card, "brand", 50),
        last4=last4,
        exp_month=_number(card, "exp_month", 1, 12),
        exp_year=_number(card, "exp_year", 2000, 2199),
    )


def identifier(document: dict[str, Any], name: str, max_length: int) -> str:
    """1 to `max_length` printable ASCII characters without blanks."""
    value = document.get(name)
    if not isinstance(value, str) or len(value) > max_length or not _IDENTIFIER.fullmatch(value):
        raise Odd(f"{name} is missing or malformed")
    return value


def optional_identifier(document: dict[str, Any], name: str, max_length: int) -> str:
    """As `identifier`; missing, null and empty are the empty string."""
    return "" if document.get(name) in (None, "") else identifier(document, name, max_length)


def instant(value: object) -> datetime.datetime:
    """An ISO 8601 text with an offset, or whole Unix seconds."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, tz=datetime.UTC)
        if isinstance(value, str):
            parsed = datetime.datetime.fromisoformat(value)
            if parsed.tzinfo is not None:
                return parsed.astimezone(datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Odd("created_at is not an instant") from error
    raise Odd("created_at is not an instant")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Odd("an object is missing")
    return value


def _number(document: dict[str, Any], name: str, lower: int, upper: int) -> int:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not lower <= value <= upper:
        raise Odd(f"{name} is not a number from {lower} to {upper}")
    return value


def _amount(document: dict[str, Any]) -> int:
    value = document.get("amount")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_AMOUNT:
        raise Odd("the amount is not an integer of minor units")
    return value


def _currency(document: dict[str, Any]) -> str:
    value = document.get("currency")
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise Odd("the currency is not a three-letter code")
    return value
