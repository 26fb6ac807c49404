"""Payments in the metrics: each event once, after the commit that made it happen."""

from config.kernel import db
from config.observability import counters
from payments.events import PaymentEvent
from payments.models import Payment
from payments.providers.simulated.declines import DECLINES, UNSPECIFIED

KNOWN_CODES = {"", UNSPECIFIED, *DECLINES}
"""A label has few values for ever; what providers and callers invent beyond these is "other"."""


def count(event: type[PaymentEvent], payment: Payment) -> None:
    """Requires a transaction. What is rolled back, also to a savepoint or to run again, is not counted."""
    code = payment.failure_code if payment.failure_code in KNOWN_CODES else "other"
    labels = payment.provider, event.type.removeprefix("payment."), code
    db.after_commit(lambda: counters.PAYMENT_EVENTS.count(*labels))
