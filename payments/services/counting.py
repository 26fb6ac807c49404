"""Payments in the metrics: each event once, after the commit that made it happen."""

from django.conf import settings

from config.kernel import db
from config.observability import counters
from payments.events import PaymentEvent
from payments.models import Payment
from payments.providers import registry


def count(event: type[PaymentEvent], payment: Payment) -> None:
    """Requires a transaction. What is rolled back, also to a savepoint or to run again, is not counted."""
    provider, code, what = payment.provider, payment.failure_code, event.type.removeprefix("payment.")
    db.after_commit(lambda: counters.PAYMENT_EVENTS.count(provider, what, _label(provider, code)))


def _label(provider: str, code: str) -> str:
    """A label has few values for ever: what a provider or a caller invents beyond those it declares is "other"."""
    is_known = not code or (provider in settings.PROVIDERS and code in registry.get(provider).failure_codes)
    return code if is_known else "other"
