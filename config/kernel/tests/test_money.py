from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel import money


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("JPY", 0), ("KRW", 0), ("ISK", 0), ("UGX", 0), ("EUR", 2), ("USD", 2), ("KWD", 3), ("TND", 3), ("CLF", 4)],
)
def test_the_exponent_is_that_of_iso_4217(currency: str, digits: int) -> None:
    """Currencies with 0, 2, 3 and 4 decimals are told apart."""
    assert money.exponent(currency) == digits


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1250, "JPY", "1,250 JPY"),
        (1250, "EUR", "12.50 EUR"),
        (5, "EUR", "0.05 EUR"),
        (1250, "KWD", "1.250 KWD"),
        (1250, "CLF", "0.1250 CLF"),
        (money.MAX_AMOUNT, "EUR", "9,999,999,999.99 EUR"),
        (0, "EUR", "0.00 EUR"),
        (-1250, "EUR", "-12.50 EUR"),
    ],
)
def test_an_amount_is_displayed_with_its_decimals(amount: int, currency: str, text: str) -> None:
    """People read major units with as many decimals as the currency has, thousands apart."""
    assert money.display(amount, currency) == text


def test_scar_lago_api_643_jpy_is_not_multiplied_by_100() -> None:
    """1000 minor units of JPY are 1000 yen."""
    assert money.display(1000, "JPY") == "1,000 JPY"


@given(st.integers(min_value=1, max_value=money.MAX_AMOUNT), st.sampled_from(sorted(money.CURRENCIES)))
def test_the_display_holds_every_digit_of_the_amount(amount: int, currency: str) -> None:
    """Formatting never rounds."""
    number, code = money.display(amount, currency).split()
    assert int(number.replace(".", "").replace(",", "")) == amount
    assert code == currency


@pytest.mark.parametrize("code", ["EUR", "JPY", "KWD", "CLF"])
def test_a_known_currency_is_returned_as_it_is(code: str) -> None:
    """Checking a good code changes nothing."""
    assert money.check_currency(code) == code


@pytest.mark.parametrize("code", ["eur", "EU", "EURO", "ZZZ", "", " EUR", "XAU", "XTS", "XXX", None, 978, ["EUR"]])
def test_an_unknown_currency_is_refused_and_names_the_field(code: Any) -> None:
    """Lower case, unknown, metal and testing codes, and what is no text, say what to send."""
    with pytest.raises(money.InvalidMoney) as caught:
        money.check_currency(code, field="lines.0.currency")
    (error,) = caught.value.errors
    assert (error.field, error.code) == ("lines.0.currency", "unknown_currency")
    assert "EUR" in error.detail


@pytest.mark.parametrize("amount", [1, 1250, money.MAX_AMOUNT])
def test_a_good_amount_is_returned_as_it_is(amount: int) -> None:
    """The bounds themselves are allowed."""
    assert money.check_amount(amount) == amount


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (12.5, "not_an_integer"),
        (1250.0, "not_an_integer"),
        ("1250", "not_an_integer"),
        (True, "not_an_integer"),
        (None, "not_an_integer"),
        (0, "not_positive"),
        (-1, "not_positive"),
        (money.MAX_AMOUNT + 1, "too_large"),
        (10**30, "too_large"),
    ],
)
def test_a_bad_amount_is_refused_and_names_the_field(amount: Any, code: str) -> None:
    """Floats, strings, booleans, zero, negative and huge amounts each say what to send instead."""
    with pytest.raises(money.InvalidMoney) as caught:
        money.check_amount(amount, field="lines.2.unit_amount")
    (error,) = caught.value.errors
    assert (error.field, error.code) == ("lines.2.unit_amount", code)
    assert error.detail.startswith("Send an ")


def test_the_exponent_of_an_unknown_currency_is_refused() -> None:
    """Nothing is formatted in a currency nobody knows."""
    with pytest.raises(money.InvalidMoney):
        money.exponent("ZZZ")
