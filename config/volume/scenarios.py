"""What may have happened to an invoice, and how often each of it happens."""

import random
from collections.abc import Callable
from typing import NamedTuple

from config.volume.invoice_history import DAY, InvoiceHistory
from config.volume.payment_history import PaymentHistory
from payments.providers.base import Provider
from payments.providers.simulated.declines import DECLINES

RETRYABLE = [code for code, decline in DECLINES.items() if decline.retryable]
FINAL = [code for code, decline in DECLINES.items() if not decline.retryable]
LIVE_DAYS = 90
"""A payment that still waits for something belongs to an invoice issued since."""


class Context(NamedTuple):
    """The provider of cards and the one of bank transfers (perhaps the same), and what time it is."""

    card: Provider
    bank: Provider
    now: int
    """Unix milliseconds."""


def _open(invoice: InvoiceHistory, context: Context) -> None:
    """Nobody has tried to pay it."""


def _paid(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.card, "tok_visa").succeed()


def _paid_by_transfer(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.bank, "").succeed()


def _declined(invoice: InvoiceHistory, context: Context) -> None:
    payment = PaymentHistory(invoice, context.card, "tok_declined_insufficient_funds")
    payment.decline(invoice.rng.choice(RETRYABLE))


def _paid_after_retries(invoice: InvoiceHistory, context: Context) -> None:
    for _ in range(invoice.rng.randint(1, 3)):
        _declined(invoice, context)
    _paid(invoice, context)


def _failed(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.card, "tok_declined_stolen").decline(invoice.rng.choice(FINAL))


def _voided(invoice: InvoiceHistory, context: Context) -> None:
    if invoice.rng.random() < 0.3:
        _failed(invoice, context)
    invoice.void()


def _canceled(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.card, "tok_pending").cancel()


def _awaits_transfer(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.bank, "").await_transfer()


def _unknown(invoice: InvoiceHistory, context: Context) -> None:
    """The provider is asked again within the coming days: nothing is due at once. About a transfer nobody is asked."""
    if not context.card.settles_itself:
        _awaits_transfer(invoice, context)
        return
    payment = PaymentHistory(invoice, context.card, "tok_timeout_always")
    payment.lose_answer(context.now + invoice.rng.randint(DAY, 7 * DAY))


def _in_review(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.card, "tok_wrong_amount").require_review()


def _paid_twice(invoice: InvoiceHistory, context: Context) -> None:
    """What had been canceled was captured after all, when another payment had paid."""
    canceled = PaymentHistory(invoice, context.card, "tok_pending")
    canceled.cancel()
    _paid(invoice, context)
    canceled.capture_late()


SCENARIOS: dict[Callable[[InvoiceHistory, Context], None], int] = {
    _paid: 700,
    _paid_after_retries: 80,
    _paid_by_transfer: 50,
    _open: 60,
    _declined: 30,
    _failed: 30,
    _voided: 20,
    _awaits_transfer: 15,
    _canceled: 6,
    _unknown: 3,
    _in_review: 3,
    _paid_twice: 3,
}
"""Of a thousand invoices."""
UNFINISHED = (_awaits_transfer, _unknown, _in_review)
_FUNCTIONS, _WEIGHTS = list(SCENARIOS), list(SCENARIOS.values())


def apply_any(invoice: InvoiceHistory, context: Context, rng: random.Random) -> None:
    """One of the scenarios, by its weight, to the end."""
    scenario = rng.choices(_FUNCTIONS, _WEIGHTS)[0]
    if scenario in UNFINISHED and _has_ended(invoice, context):
        scenario = _paid
    scenario(invoice, context)
    invoice.finish()


def _has_ended(invoice: InvoiceHistory, context: Context) -> bool:
    """Whether somebody has long seen to it, and it was paid in the end: few payments are live at any time."""
    return invoice.now < context.now - LIVE_DAYS * DAY
