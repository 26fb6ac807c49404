"""Celery entrances: the relay, run by the beat every second and by nudges, and the archive, every hour."""

from celery import shared_task
from django.conf import settings

from outbox import services
from outbox.services import nudging, retention, turns


@shared_task(name="outbox.relay")
def relay() -> bool:
    """Number and deliver until nothing is left, or for OUTBOX_TASK_SECONDS; the next beat goes on. Whether it did.

    While another task or a process relays, this one leaves at once, and the window stays: nobody has to be nudged.
    """
    with turns.turn() as is_ours:
        if not is_ours:
            return False
        nudging.close_window()
        return services.relay_for(seconds=settings.OUTBOX_TASK_SECONDS).did_something


@shared_task(name="outbox.archive")
def archive() -> int:
    """Move old events out of the log; how many."""
    return retention.archive_old("events", services.archive)
