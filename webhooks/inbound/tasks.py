"""Celery entrances. Messages are nudges; the work is in the rows."""

from celery import shared_task

from webhooks.inbound import services


@shared_task(name="webhooks.inbound.sweep")
def sweep() -> int:
    """Try again what could not be applied when it came; how many."""
    return services.sweep()
