"""When an event that could not be applied is tried again."""

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Growing delays: the first one doubled each time up to a longest one, until `give_up_after` since the receipt."""

    first: datetime.timedelta
    longest: datetime.timedelta
    give_up_after: datetime.timedelta

    def next_try(
        self, *, received_at: datetime.datetime, attempts: int, now: datetime.datetime
    ) -> datetime.datetime | None:
        """After `attempts` tries, at least one; the latest is at the age limit itself, and None means no more."""
        limit = received_at + self.give_up_after
        if now >= limit:
            return None
        doublings = min(attempts - 1, 30)
        delay: datetime.timedelta = min(self.first * 2**doublings, self.longest)
        return min(now + delay, limit)


RETRIES = Schedule(
    first=datetime.timedelta(seconds=5), longest=datetime.timedelta(hours=2), give_up_after=datetime.timedelta(hours=24)
)
