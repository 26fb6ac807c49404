"""Celery entrances. The work is in the subscriptions' rows."""

from celery import shared_task

from billing import services


@shared_task(name="billing.renew_due")
def renew_due() -> int:
    """Renew, convert, suspend and end the subscriptions whose time has come; how many steps that took."""
    return services.renew_due()
