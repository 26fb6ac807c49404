"""Celery entrances. Messages are nudges; the work is in the rows."""

import time

from celery import shared_task
from django.conf import settings

from outbox.services import retention, turns
from webhooks.outbound import services

TURN_KEY = "webhooks:delivering"


@shared_task(name="webhooks.outbound.deliver")
def deliver() -> int:
    """Send what is due; how many tries. One task or `deliver_webhooks` at a time: others would hold workers' slots."""
    seconds = settings.WEBHOOK_TASK_SECONDS
    with turns.turn(TURN_KEY, seconds=seconds + settings.WEBHOOK_TIMEOUT_SECONDS) as is_ours:
        if not is_ours:
            return 0
        until = time.monotonic() + seconds
        return services.deliver(stop=lambda: time.monotonic() >= until)


@shared_task(name="webhooks.outbound.archive")
def archive() -> int:
    """Move old deliveries away; how many."""
    return retention.archive_old("deliveries", services.archive)
