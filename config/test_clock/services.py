"""Moving business time forward, and what the kernel's clock reads: the offset, held for a moment by each process."""

import dataclasses
import datetime
import time

from django.conf import settings

from config.kernel import clock, db
from config.kernel.errors import Conflict, Invalid
from config.test_clock.models import Offset

ONLY_ROW = 1
MOST = datetime.timedelta(days=36_525)
"""A hundred years: further on, dates end before schedules do."""
HELD_SECONDS = 1.0
"""How long a process without requests or tasks, such as a relay, goes by what it has read."""


class TestClockOff(Conflict):
    """Business time can only be moved where TEST_CLOCK is true, which production refuses."""

    code = "test_clock_off"
    __test__ = False


class CannotAdvance(Invalid):
    """The test clock only goes forward, and at most {most_days} days ahead of the wall in all."""

    code = "cannot_advance"


@dataclasses.dataclass(frozen=True)
class Advance:
    """Business time just before and just after, at one moment of wall time."""

    old: datetime.datetime
    new: datetime.datetime


@dataclasses.dataclass(frozen=True)
class _Held:
    ahead_by: datetime.timedelta
    asked_by: object
    until: float


_asks = object()
_held: _Held | None = None


def advance(*, by: datetime.timedelta) -> Advance:
    """Business time is `by` later from now on, for every process; for this one at once.

    Raises TestClockOff, and CannotAdvance unless `by` is more than nothing and less than what is left of `MOST`.
    """
    if not settings.TEST_CLOCK:
        raise TestClockOff()
    if not datetime.timedelta(0) < by <= MOST:
        raise CannotAdvance(most_days=MOST.days)
    before = _advance(by)
    forget()
    wall = clock.wall()
    return Advance(old=wall + before, new=wall + before + by)


@db.transaction(idempotent=False)
def _advance(by: datetime.timedelta) -> datetime.timedelta:
    Offset.objects.get_or_create(id=ONLY_ROW)
    row = Offset.objects.select_for_update().get(id=ONLY_ROW)
    before = row.ahead_by
    if before + by > MOST:
        raise CannotAdvance(most_days=MOST.days)
    row.ahead_by += by
    row.save(update_fields=["ahead_by"])
    return before


def ahead() -> datetime.timedelta:
    """How far business time is ahead of the wall; nothing, and no query, where there is no test clock."""
    if not settings.TEST_CLOCK:
        return datetime.timedelta(0)
    held = _held
    if held is None or held.asked_by is not _asks or time.monotonic() > held.until:
        held = _read()
    return held.ahead_by


def _read() -> _Held:
    """Who asks anew while it is being read is not answered by it: `asked_by` is from before."""
    global _held
    asked_by = _asks
    stored = Offset.objects.filter(id=ONLY_ROW).values_list("ahead_by", flat=True).first()
    _held = _Held(stored or datetime.timedelta(0), asked_by, time.monotonic() + HELD_SECONDS)
    return _held


def forget() -> None:
    """Whoever needs the time next reads the offset anew."""
    global _asks
    _asks = object()
