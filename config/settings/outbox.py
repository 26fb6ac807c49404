"""The relay's pace. Times are seconds."""

from config.settings.env import env

EVENT_SOURCE = "/quittance"
"""The CloudEvents `source` of everything published here."""

OUTBOX_BATCH_SIZE = 500
"""Events per transaction or publish call: what one relay holds in memory, and what a crash can send again."""
OUTBOX_LEASE_SECONDS = 10
"""How long a dead relay blocks a shard; longer than any one batch takes to publish."""
OUTBOX_TASK_SECONDS = 5
"""How long one run of the Celery task goes on while there is work."""
OUTBOX_BACKOFF_SECONDS: dict[str, float] = {"base": 1, "cap": 300}
"""After a transport failure and between tries of a held event: base × 2ⁿ, up to the cap, with jitter."""
OUTBOX_HELD_ATTEMPTS = 10
"""Tries of one event before it waits for staff."""
OUTBOX_NUDGE_WINDOW_SECONDS = 1 if env.redis_url else 0.1
"""One nudge per window. The task ends the window as it starts; a per-process cache cannot see that, so short there."""
