"""The magic tokens of the simulator, one behaviour each, and the published test card numbers that turn into them."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """How the simulator treats a charge made with a token. The defaults are a card that simply works."""

    failure_code: str = ""
    """Set: the charge is declined with this code."""
    settles: Literal["at_once", "later", "by_hand"] = "at_once"
    """Later: pending now, decided after the `settle_seconds` dial. By hand: until the control API or a cancel."""
    fault: Literal["", "hang_before", "hang_always", "hang_after", "error_before", "error_after", "garbage_after"] = ""
    """Before: the first try does nothing, later tries with the same key work, so that reconciliation can resolve it.
    Always: no try ever gets an answer or does anything. After: the charge is made, its answer is lost or nonsense."""
    captures: Literal["as_asked", "other_amount", "other_currency"] = "as_asked"
    answers_with: Literal["", "other_reference", "other_account"] = ""
    refunds: Literal["at_once", "fail_later", "by_hand"] = "at_once"
    disputed: bool = False


TOKENS: dict[str, Behaviour] = {
    "tok_visa": Behaviour(),
    "tok_mastercard": Behaviour(),
    "tok_amex": Behaviour(),
    "tok_declined_insufficient_funds": Behaviour(failure_code="insufficient_funds"),
    "tok_declined_generic": Behaviour(failure_code="generic_decline"),
    "tok_declined_do_not_honor": Behaviour(failure_code="do_not_honor"),
    "tok_declined_processing_error": Behaviour(failure_code="processing_error"),
    "tok_declined_issuer_not_available": Behaviour(failure_code="issuer_not_available"),
    "tok_declined_try_again_later": Behaviour(failure_code="try_again_later"),
    "tok_declined_velocity": Behaviour(failure_code="card_velocity_exceeded"),
    "tok_declined_expired": Behaviour(failure_code="expired_card"),
    "tok_declined_incorrect_cvc": Behaviour(failure_code="incorrect_cvc"),
    "tok_declined_lost": Behaviour(failure_code="lost_card"),
    "tok_declined_stolen": Behaviour(failure_code="stolen_card"),
    "tok_declined_fraudulent": Behaviour(failure_code="fraudulent"),
    "tok_declined_new_code": Behaviour(failure_code="a_code_nobody_documented"),
    "tok_async": Behaviour(settles="later"),
    "tok_async_declined": Behaviour(settles="later", failure_code="insufficient_funds"),
    "tok_pending": Behaviour(settles="by_hand"),
    "tok_timeout_before": Behaviour(fault="hang_before"),
    "tok_timeout_always": Behaviour(fault="hang_always"),
    "tok_timeout_after": Behaviour(fault="hang_after"),
    "tok_timeout_after_declined": Behaviour(fault="hang_after", failure_code="insufficient_funds"),
    "tok_5xx": Behaviour(fault="error_before"),
    "tok_5xx_after": Behaviour(fault="error_after"),
    "tok_garbage_answer": Behaviour(fault="garbage_after"),
    "tok_wrong_amount": Behaviour(captures="other_amount"),
    "tok_wrong_currency": Behaviour(captures="other_currency"),
    "tok_wrong_reference": Behaviour(answers_with="other_reference"),
    "tok_wrong_account": Behaviour(answers_with="other_account"),
    "tok_refund_fails": Behaviour(refunds="fail_later"),
    "tok_refund_pending": Behaviour(refunds="by_hand"),
    "tok_disputed": Behaviour(disputed=True),
}

UNKNOWN_TOKEN = Behaviour(failure_code="unknown_payment_method")

TEST_CARDS: dict[str, str] = {
    "4242424242424242": "tok_visa",
    "4000056655665556": "tok_visa",
    "5555555555554444": "tok_mastercard",
    "378282246310005": "tok_amex",
    "4000000000000002": "tok_declined_generic",
    "4000000000009995": "tok_declined_insufficient_funds",
    "4000000000009987": "tok_declined_lost",
    "4000000000009979": "tok_declined_stolen",
    "4000000000000069": "tok_declined_expired",
    "4000000000000127": "tok_declined_incorrect_cvc",
    "4000000000000119": "tok_declined_processing_error",
    "4000000000006975": "tok_declined_velocity",
    "4100000000000019": "tok_declined_fraudulent",
    "4000000000005126": "tok_refund_fails",
    "4000000000007726": "tok_refund_pending",
    "4000000000000259": "tok_disputed",
}
"""Stripe's published test numbers: https://docs.stripe.com/testing#cards"""


def behaviour_of(token: str) -> Behaviour:
    """A token nobody issued is a hard decline."""
    return TOKENS.get(token, UNKNOWN_TOKEN)


@dataclasses.dataclass(frozen=True)
class Card:
    """What is shown of one."""

    brand: str
    last4: str
    exp_month: int = 12
    exp_year: int = 2034


_BRANDS = {"3": "amex", "4": "visa", "5": "mastercard"}
"""By a number's first digit."""


def card_of(token: str) -> Card | None:
    """The card behind a token: the first of the published numbers that turn into it, else a Visa. None if unknown."""
    if token not in TOKENS:
        return None
    number = next((number for number, of in TEST_CARDS.items() if of == token), "4242424242424242")
    expired = {"exp_month": 1, "exp_year": 2020} if TOKENS[token].failure_code == "expired_card" else {}
    return Card(brand=_BRANDS[number[0]], last4=number[-4:], **expired)


def token_of_card(number: str) -> str | None:
    """The token of a published test number, blanks and dashes ignored; None for any other number."""
    return TEST_CARDS.get(number.replace(" ", "").replace("-", ""))


def looks_like_card(text: str) -> bool:
    """Digits as long as a card number's, blanks and dashes ignored."""
    digits = text.replace(" ", "").replace("-", "")
    return digits.isdigit() and 12 <= len(digits) <= 19
