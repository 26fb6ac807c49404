"""When a declined payment is tried again by itself: a plain value, copied onto each invoice when it is issued."""

import dataclasses
import datetime
import random
from typing import Any

from django.conf import settings


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """After the n-th of `max_attempts` payments: base × 2ⁿ⁻¹ seconds, at most the cap, and up to `jitter_seconds` more.

    One attempt means that nothing is tried again.
    """

    max_attempts: int
    base_seconds: int
    cap_seconds: int
    jitter_seconds: int

    @classmethod
    def default(cls) -> "RetryPolicy":
        """That of the settings."""
        return cls(**settings.PAYMENT_RETRY_POLICY)

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> "RetryPolicy":
        """As an invoice has it; one issued before there were policies has today's default."""
        return cls.default() if stored is None else cls(**stored)

    def to_json(self) -> dict[str, int]:
        return dataclasses.asdict(self)

    def delay_after(self, attempt: int) -> datetime.timedelta | None:
        """How long to wait once attempt number `attempt` (from 1) was declined; None when it was the last one."""
        if attempt >= self.max_attempts:
            return None
        seconds = min(self.base_seconds * 2 ** min(attempt - 1, 40), self.cap_seconds)
        return datetime.timedelta(seconds=seconds + random.uniform(0, self.jitter_seconds))
