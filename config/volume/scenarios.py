"""What may have happened to an invoice, and how often each of it happens."""

import random
from collections.abc import Callable
from typing import NamedTuple

from config.volume.invoice_history import DAY, MERCHANT_ACTOR, MINUTE, InvoiceHistory
from config.volume.payment_history import PaymentHistory
from config.volume.receipt_history import ReceiptHistory, RefundHistory
from payments.providers.base import Provider
from payments.providers.simulated.declines import DECLINES
from payments.services import retrying
from payments.states import DisputeStatus

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


def _pay(invoice: InvoiceHistory, context: Context) -> tuple[PaymentHistory, ReceiptHistory]:
    payment = PaymentHistory(invoice, context.card, "tok_visa").submit()
    return payment, payment.succeed()


def _paid(invoice: InvoiceHistory, context: Context) -> None:
    _pay(invoice, context)


def _paid_by_transfer(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.bank, "").submit().succeed()


def _decline(invoice: InvoiceHistory, context: Context, next_attempt_at: int | None = None, **how: bool) -> None:
    """The first attempt somebody has asked for, the others make themselves."""
    actor = retrying.ACTOR.actor if invoice.attempts else MERCHANT_ACTOR
    payment = PaymentHistory(invoice, context.card, "tok_declined_insufficient_funds", actor).submit()
    payment.decline(invoice.rng.choice(RETRYABLE), next_attempt_at=next_attempt_at, **how)


def _declined(invoice: InvoiceHistory, context: Context) -> None:
    """Where a person settles, nothing is tried again by itself."""
    is_retried = context.card.settles_itself and not _has_ended(invoice, context)
    _decline(invoice, context, context.now + invoice.rng.randint(DAY, 7 * DAY) if is_retried else None)


def _paid_after_retries(invoice: InvoiceHistory, context: Context) -> None:
    for _ in range(invoice.rng.randint(1, 3)):
        _decline(invoice, context, invoice.now + MINUTE if context.card.settles_itself else None)
    _paid(invoice, context)


def _exhausted(invoice: InvoiceHistory, context: Context) -> None:
    for _ in range(2):
        _decline(invoice, context, invoice.now + MINUTE if context.card.settles_itself else None)
    _decline(invoice, context, is_last=True)


def _failed(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.card, "tok_declined_stolen").submit().decline(invoice.rng.choice(FINAL))


def _voided(invoice: InvoiceHistory, context: Context) -> None:
    if invoice.rng.random() < 0.3:
        _failed(invoice, context)
    invoice.void()


def _canceled(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.card, "tok_pending").submit().cancel()


def _not_yet_sent(invoice: InvoiceHistory, context: Context) -> None:
    """No worker has taken it, and the sweep does not yet: it is due within the coming days."""
    PaymentHistory(invoice, context.card, "tok_visa").wait(context.now + invoice.rng.randint(DAY, 7 * DAY))


def _awaits_transfer(invoice: InvoiceHistory, context: Context) -> None:
    """It has not come yet."""
    PaymentHistory(invoice, context.bank, "").submit()


def _unknown(invoice: InvoiceHistory, context: Context) -> None:
    """The provider is asked again within the coming days: nothing is due at once."""
    payment = PaymentHistory(invoice, context.card, "tok_timeout_always").submit()
    payment.lose_answer(context.now + invoice.rng.randint(DAY, 7 * DAY))


def _in_review(invoice: InvoiceHistory, context: Context) -> None:
    PaymentHistory(invoice, context.card, "tok_wrong_amount").submit().require_review()


def _capture_twice(invoice: InvoiceHistory, context: Context) -> RefundHistory:
    """What had been canceled was captured after all, when another payment had paid: that goes back."""
    canceled = PaymentHistory(invoice, context.card, "tok_pending").submit()
    canceled.cancel()
    _paid(invoice, context)
    return canceled.capture_late()


def _paid_twice(invoice: InvoiceHistory, context: Context) -> None:
    _capture_twice(invoice, context).succeed()


def _surplus_stays(invoice: InvoiceHistory, context: Context) -> None:
    """It could not be given back."""
    _capture_twice(invoice, context).fail("account_closed")


def _surplus_unknown(invoice: InvoiceHistory, context: Context) -> None:
    _capture_twice(invoice, context).lose_answer(context.now + invoice.rng.randint(DAY, 7 * DAY))


def _refund_all(invoice: InvoiceHistory, context: Context) -> RefundHistory:
    payment, receipt = _pay(invoice, context)
    refund = receipt.refund(invoice.amount)
    refund.send()
    refund.succeed()
    payment.count_refund(refund)
    return refund


def _refunded(invoice: InvoiceHistory, context: Context) -> None:
    _refund_all(invoice, context)


def _refund_returned(invoice: InvoiceHistory, context: Context) -> None:
    _refund_all(invoice, context).come_back("account_closed")


def _refunded_in_part(invoice: InvoiceHistory, context: Context) -> None:
    """Once, or twice the same amount."""
    payment, receipt = _pay(invoice, context)
    for _ in range(min(invoice.rng.randint(1, 2), invoice.amount)):
        refund = receipt.refund(max(1, invoice.amount // 3))
        refund.send()
        refund.succeed()
        payment.count_refund(refund)


def _refund_failed(invoice: InvoiceHistory, context: Context) -> None:
    _, receipt = _pay(invoice, context)
    refund = receipt.refund(invoice.amount)
    refund.send()
    refund.fail("account_closed")


def _refund_unfinished(invoice: InvoiceHistory, context: Context) -> None:
    """Not yet sent, not yet answered, or its answer was lost."""
    _, receipt = _pay(invoice, context)
    refund = receipt.refund(max(1, invoice.amount // 2))
    due_at = context.now + invoice.rng.randint(DAY, 7 * DAY)
    stage = invoice.rng.randrange(3)
    if stage:
        refund.send()
    if stage == 2:
        refund.lose_answer(due_at)
    else:
        refund.wait(due_at)


def _disputed(invoice: InvoiceHistory, context: Context) -> None:
    _, receipt = _pay(invoice, context)
    receipt.dispute("", context.now + 7 * DAY)


def _dispute_closed(invoice: InvoiceHistory, context: Context) -> None:
    _, receipt = _pay(invoice, context)
    receipt.dispute(invoice.rng.choice([DisputeStatus.WON, DisputeStatus.LOST]).value, invoice.now + 14 * DAY)


SCENARIOS: dict[Callable[[InvoiceHistory, Context], None], int] = {
    _paid: 619,
    _paid_after_retries: 80,
    _paid_by_transfer: 50,
    _open: 60,
    _declined: 25,
    _exhausted: 10,
    _failed: 25,
    _voided: 20,
    _awaits_transfer: 12,
    _not_yet_sent: 4,
    _canceled: 6,
    _unknown: 8,
    _in_review: 5,
    _paid_twice: 3,
    _surplus_stays: 1,
    _surplus_unknown: 5,
    _refunded: 15,
    _refunded_in_part: 25,
    _refund_failed: 2,
    _refund_returned: 2,
    _refund_unfinished: 12,
    _disputed: 6,
    _dispute_closed: 5,
}
"""Of a thousand invoices."""
UNFINISHED = (_awaits_transfer, _not_yet_sent, _unknown, _in_review, _surplus_unknown, _refund_unfinished, _disputed)
OF_PROVIDERS = (_not_yet_sent, _unknown, _surplus_unknown, _refund_unfinished, _disputed, _dispute_closed)
"""Where people settle these do not happen, or nothing would ever come of them."""
_FUNCTIONS, _WEIGHTS = list(SCENARIOS), list(SCENARIOS.values())


def apply_any(invoice: InvoiceHistory, context: Context, rng: random.Random) -> None:
    """One of the scenarios, by its weight, to the end."""
    scenario = rng.choices(_FUNCTIONS, _WEIGHTS)[0]
    if scenario in OF_PROVIDERS and not context.card.settles_itself:
        scenario = _awaits_transfer
    if scenario in UNFINISHED and _has_ended(invoice, context):
        scenario = _paid
    scenario(invoice, context)
    invoice.finish()


def _has_ended(invoice: InvoiceHistory, context: Context) -> bool:
    """Whether somebody has long seen to it, and it was paid in the end: few payments are live at any time."""
    return invoice.now < context.now - LIVE_DAYS * DAY
