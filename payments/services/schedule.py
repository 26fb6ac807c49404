"""When the provider is asked about a payment or refund whose end nobody has reported."""

import datetime

from django.conf import settings

from config.kernel import clock
from payments.models import Payment, Refund
from payments.providers import registry


def next_reconciliation(row: Payment | Refund) -> datetime.datetime | None:
    """The next time, by the schedule in settings; None for providers that cannot be asked."""
    if not registry.get(row.provider).settles_itself:
        return None
    return clock.now() + delay_after(row.reconciliations)


def is_due(row: Payment | Refund) -> bool:
    """Its time to be taken up has come."""
    return row.available_at is not None and row.available_at <= clock.now()


def is_exhausted(row: Payment | Refund) -> bool:
    """The provider has been asked as often as the schedule says: only a person can tell how it ended."""
    return row.reconciliations >= len(settings.RECONCILE_SCHEDULE_SECONDS)


def delay_after(tries: int) -> datetime.timedelta:
    """How long to wait after so many tries; the schedule's last delay goes on for ever."""
    schedule = settings.RECONCILE_SCHEDULE_SECONDS
    return datetime.timedelta(seconds=schedule[min(tries, len(schedule) - 1)])
