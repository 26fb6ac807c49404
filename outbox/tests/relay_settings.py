"""Settings of the relay processes that tests start: the running test's database, a publisher that writes a file."""

import os

from config.settings.test import *  # noqa: F403

DATABASES["default"]["NAME"] = os.environ["RELAY_DATABASE"]  # noqa: F405
EVENT_CONSUMERS = {"effects": {"handler": "outbox.tests.support.take_effect", "events": ["test.*"]}}
EVENT_PUBLISHERS = {
    "file": {
        "class": "outbox.tests.support.FileWriter",
        "events": ["*"],
        "options": {"path": os.environ["RELAY_FILE"], "pause_seconds": float(os.environ.get("RELAY_PAUSE", "0"))},
    },
}
OUTBOX_LEASE_SECONDS = 1
OUTBOX_BATCH_SIZE = 20
OUTBOX_BACKOFF_SECONDS = {"base": 0.1, "cap": 1}
LOGGING = {
    "version": 1,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
}
