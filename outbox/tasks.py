"""The relay's Celery task: run by the beat every second, and by nudges."""

from celery import shared_task
from django.conf import settings

from outbox import services
from outbox.services import nudging


@shared_task(name="outbox.relay")
def relay() -> None:
    """Number and deliver until nothing is left, or for OUTBOX_TASK_SECONDS; the next beat goes on."""
    nudging.close_window()
    services.relay_for(seconds=settings.OUTBOX_TASK_SECONDS)
