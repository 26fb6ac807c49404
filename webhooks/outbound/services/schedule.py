"""When a delivery is tried."""

import dataclasses
import datetime
import random
from collections.abc import Sequence

JITTER = 0.2
MAX_RETRY_AFTER_SECONDS = 86_400
MINUTE, HOUR = 60, 3600


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long after the try before it each try comes; the first one right away. See design §9."""

    delays_seconds: Sequence[int]

    def next_try(
        self, *, attempts: int, now: datetime.datetime, retry_after_seconds: float | None
    ) -> datetime.datetime | None:
        """After so many failed tries: a fifth more or less than the schedule, or when the receiver asked for if that is
        later. None when none is left.
        """
        if attempts > len(self.delays_seconds):
            return None
        delay = self.delays_seconds[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)
        asked = min(retry_after_seconds or 0, MAX_RETRY_AFTER_SECONDS)
        return now + datetime.timedelta(seconds=max(delay, asked))


RETRIES = Schedule((5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR))
"""Eight tries over about 28 hours."""
