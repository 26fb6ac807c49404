"""Why the simulator declines, and whether the same card may be tried again."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Decline:
    """`retryable`: a later attempt with the same card may go through."""

    retryable: bool
    message: str


DECLINES: dict[str, Decline] = {
    "insufficient_funds": Decline(True, "The card has insufficient funds."),
    "generic_decline": Decline(True, "The card was declined."),
    "do_not_honor": Decline(True, "The issuer declined without a reason."),
    "processing_error": Decline(True, "An error occurred while processing the card."),
    "issuer_not_available": Decline(True, "The issuer could not be reached."),
    "try_again_later": Decline(True, "The issuer asks to try again later."),
    "card_velocity_exceeded": Decline(True, "The card has exceeded its balance, credit or transaction limit."),
    "expired_card": Decline(False, "The card has expired."),
    "incorrect_cvc": Decline(False, "The security code is incorrect."),
    "lost_card": Decline(False, "The card was reported lost."),
    "stolen_card": Decline(False, "The card was reported stolen."),
    "fraudulent": Decline(False, "The payment was declined as suspected fraud."),
    "unknown_payment_method": Decline(False, "There is no such payment method."),
}

UNSPECIFIED = "unspecified"
"""The code of a failure whose reason the provider left out."""


def is_retryable(code: str) -> bool:
    """Codes we have never seen are not retryable: schemes fine merchants who retry a lost or stolen card, while an
    invoice that was given up too early can still be paid by hand."""
    return code in DECLINES and DECLINES[code].retryable


def message_of(code: str) -> str:
    """What a person reads."""
    return DECLINES[code].message if code in DECLINES else "The card was declined."
