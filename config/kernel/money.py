"""Money is an integer of minor units beside an ISO 4217 code. Exponents come from the `iso4217` package's table."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from iso4217 import Currency

from config.kernel.errors import FieldError, Invalid

MAX_AMOUNT = 999_999_999_999
"""The largest amount of one invoice, payment or line, in minor units. Well inside what JSON numbers carry exactly."""

CURRENCIES: frozenset[str] = frozenset(currency.code for currency in Currency if currency.exponent is not None)
"""Codes one can owe money in: ISO 4217 without metals, testing codes and other units that have no minor unit."""


class InvalidMoney(Invalid):
    """The amount or the currency is not valid."""

    code = "invalid_money"


def exponent(currency: str) -> int:
    """Decimal places between the major and the minor unit: JPY 0, EUR 2, KWD 3, CLF 4. Raises InvalidMoney."""
    digits = Currency(check_currency(currency)).exponent
    assert digits is not None
    return int(digits)


def check_currency(value: object, *, field: str = "currency") -> str:
    """Return `value` when it is an upper-case ISO 4217 code one can owe money in; raise InvalidMoney naming `field`."""
    if isinstance(value, str) and value in CURRENCIES:
        return value
    detail = "Send a three-letter ISO 4217 code in upper case, such as EUR."
    raise InvalidMoney(errors=(FieldError(field, "unknown_currency", detail),))


def check_amount(value: object, *, field: str = "amount", least: int = 1) -> int:
    """Return `value` when it is an integer from `least` to MAX_AMOUNT minor units, else raise InvalidMoney."""
    problem = _amount_problem(value, least)
    if problem:
        raise InvalidMoney(errors=(FieldError(field, *problem),))
    assert isinstance(value, int)
    return value


def _amount_problem(value: object, least: int) -> tuple[str, str] | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return (
            "not_an_integer",
            "Send an integer in the currency's minor unit: 1250 for EUR 12.50, not 12.5, not a string.",
        )
    if value < least:
        return "not_positive", f"Send an amount of at least {least} minor unit."
    if value > MAX_AMOUNT:
        return "too_large", f"Send an amount of at most {MAX_AMOUNT} minor units."
    return None


def split(amount: int, weights: Sequence[int | Fraction]) -> list[int]:
    """`amount` in parts in proportion to `weights`, which are not negative and not all zero. The parts add up to it.

    What the first n parts add up to is rounded, halves to even, for each n: so none is of the other sign, none is
    beyond the whole, and none is a minor unit away from its share. Rounding each part and leaving the remainder to the
    last would split 5 by 3:3:3:1 into 2, 2, 2 and -1: docs/decisions/0020-customer-credit.md.
    """
    whole = sum(map(Fraction, weights), Fraction(0))
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError(f"weights must be at least 0, and one of them more: {list(weights)}")
    parts, weight_before, amount_before = [], Fraction(0), 0
    for weight in weights:
        weight_before += weight
        amount_until = round(amount * weight_before / whole)
        parts.append(amount_until - amount_before)
        amount_before = amount_until
    return parts


def portion(amount: int, part_seconds: int, whole_seconds: int) -> int:
    """What `amount` for a time of `whole_seconds` is for `part_seconds` of it, rounded once, halves to even.

    For the rest of the time it is what is left of `amount`: two portions may miss a minor unit.
    """
    first, _ = split(amount, [part_seconds, whole_seconds - part_seconds])
    return first


def display(amount: int, currency: str) -> str:
    """For people, never for machines: (123450, "EUR") is "1,234.50 EUR", (1250, "JPY") is "1,250 JPY".

    A currency that nobody knows, as a provider may name one, leaves the amount as it is.
    """
    if currency not in CURRENCIES:
        return f"{amount} {currency}"
    digits = exponent(currency)
    return f"{Decimal(amount).scaleb(-digits):,.{digits}f} {currency}"
