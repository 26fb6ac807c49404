"""Settings of the relay processes that these tests start: subscribers whose effects can be counted, a log to read.

A relay is told in its environment which publishers it has, and how short its leases are if not as in production.
"""

import json
import os

from config.settings.test import *  # noqa: F403

EVENT_CONSUMERS = {
    "one_by_one": {"handler": "outbox.tests.support.take_effect", "events": ["test.*"]},
    "in_batches": {"batch_handler": "tests.relay.effects.take_effects", "events": "tests.relay.effects.wanted"},
}
EVENT_PUBLISHERS = json.loads(os.environ["RELAY_PUBLISHERS"])
if seconds := os.environ["RELAY_LEASE_SECONDS"]:
    OUTBOX_LEASE_SECONDS = int(seconds)
LOGGING = {
    "version": 1,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
}
