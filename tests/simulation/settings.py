"""Settings of a simulated deployment: everything in one process, the database in memory, subscribers that remember."""

from config.settings.test import *  # noqa: F403
from tests.simulation.network import wire

DATABASES["default"]["NAME"] = ":memory:"  # noqa: F405
EVENT_CONSUMERS = {
    "release_parked": {"handler": "tests.simulation.subscribers.take_effect", "events": ["*"]},
    "subscriptions": EVENT_CONSUMERS["subscriptions"],  # noqa: F405
}
EVENT_PUBLISHERS = {"recorder": {"class": "tests.simulation.subscribers.Recorder", "events": ["*"]}}
PROVIDERS["simulated"] |= {"transport": wire}  # noqa: F405
LOGGING = {"version": 1, "disable_existing_loggers": False}
OUTBOX_NUDGE_WINDOW_SECONDS = 1
ARCHIVE_AFTER_DAYS = {"deliveries": 1 / 1440, "payloads": 1 / 1440, "events": 1 / 1440}  # type: ignore[dict-item]
