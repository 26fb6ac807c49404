"""After how many days what has ended is moved to tables beside those that are worked with; 0: never."""

from config.settings.env import env

ARCHIVE_AFTER_DAYS = {
    "deliveries": env.archive_deliveries_after_days,
    "payloads": env.archive_payloads_after_days,
    "events": env.archive_events_after_days,
}
ARCHIVE_TASK_SECONDS = 60
"""How long one run of the Celery task goes on; the next one, an hour later, goes on from there."""
