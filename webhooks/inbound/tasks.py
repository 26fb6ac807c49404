"""Celery entrances. Messages are nudges; the work is in the rows."""

from celery import shared_task

from outbox.services import retention
from webhooks.inbound import services


@shared_task(name="webhooks.inbound.sweep")
def sweep() -> int:
    """Try again what could not be applied when it came; how many."""
    return services.sweep()


@shared_task(name="webhooks.inbound.archive")
def archive() -> int:
    """Move old payloads out of the inbox; how many."""
    return retention.archive_old("payloads", services.archive)
