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


def delay_after(tries: int) -> datetime.timedelta:
    """How long to wait after so many tries; the schedule's last delay goes on for ever."""
    schedule = settings.RECONCILE_SCHEDULE_SECONDS
    return datetime.timedelta(seconds=schedule[min(tries, len(schedule) - 1)])
