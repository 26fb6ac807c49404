"""Settings of the processes that these tests start, kill and start again: everything is due within seconds."""

import os

from config.settings.test import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.crashes.apps.CrashesConfig"]  # noqa: F405

TEST_CLOCK = True
EVENT_PUBLISHERS = {
    "file": {
        "class": "outbox.tests.support.FileWriter",
        "events": ["*"],
        "options": {"path": os.environ["SUBSCRIBER_FILE"], "pause_seconds": 0},
    },
}
OUTBOX_LEASE_SECONDS = 3
OUTBOX_BACKOFF_SECONDS = {"base": 0.2, "cap": 2}

PROVIDERS["simulated"]["timeout_seconds"] = 1  # noqa: F405
SUBMIT_GRACE_SECONDS = 1
SUBMIT_LEASE_SECONDS = 4
RECONCILE_SCHEDULE_SECONDS = [1, 1, 2, 2, 4, 4, 4, 4, 3600, 3600]
"""The end is out of reach until a test moves its clock, so that no outage sends a payment to review."""
PAYMENT_RETRY_POLICY = {"max_attempts": 2, "base_seconds": 1, "cap_seconds": 2, "jitter_seconds": 1}
CELERY_BEAT_SCHEDULE["payments.retry_due"]["schedule"] = 1.0  # noqa: F405
