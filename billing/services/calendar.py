"""When periods begin and end: whole cycles from an anchor, in somebody's calendar."""

import datetime
import functools
import zoneinfo
from fractions import Fraction

from dateutil.relativedelta import relativedelta

from billing.models import Cycle

_LENGTHS = {
    Cycle.DAY: relativedelta(days=1),
    Cycle.WEEK: relativedelta(weeks=1),
    Cycle.MONTH: relativedelta(months=1),
    Cycle.QUARTER: relativedelta(months=3),
    Cycle.YEAR: relativedelta(years=1),
}
_YEAR_DAYS = Fraction(146_097, 400)
DAYS = {
    Cycle.DAY: Fraction(1),
    Cycle.WEEK: Fraction(7),
    Cycle.MONTH: _YEAR_DAYS / 12,
    Cycle.QUARTER: _YEAR_DAYS / 4,
    Cycle.YEAR: _YEAR_DAYS,
}
"""In the long run, to tell which of two plans costs more in the same time."""


_NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})
"""Files that lie beside the zones: a placeholder, and what this machine's own clock shows."""
_DAY = datetime.timedelta(days=1)


def boundary(*, anchored_at: datetime.datetime, cycle: str, cycles: int, time_zone: str) -> datetime.datetime:
    """The instant `cycles` cycles after the anchor, at the anchor's time of day on the clocks of `time_zone`, UTC.

    A day that a month does not have is its last one, always counted from the anchor: 31 January, 28 February, 31 March.
    An hour that the clocks leave out is the one after it; of one that comes twice it is the first. Where a zone leaves
    out a whole day, as it moves across the date line, that day's boundary lies half way between its neighbours'.
    """
    if cycles == 0:
        return anchored_at
    zone = zoneinfo.ZoneInfo(time_zone)
    wall = anchored_at.astimezone(zone).replace(tzinfo=None, fold=0) + _LENGTHS[Cycle(cycle)] * cycles
    left_out = _offset(wall.replace(fold=1), zone) - _offset(wall, zone)
    instant = wall.replace(tzinfo=zone).astimezone(datetime.UTC)
    return instant - left_out / 2 if left_out >= _DAY else instant


def is_time_zone(name: str) -> bool:
    """Whether it is an IANA name such as Europe/Berlin."""
    return name in _time_zones()


def _offset(wall: datetime.datetime, zone: zoneinfo.ZoneInfo) -> datetime.timedelta:
    """Before the clocks are changed for fold=0, after it for fold=1; elsewhere they are the same."""
    offset = zone.utcoffset(wall)
    assert offset is not None, zone
    return offset


@functools.cache
def _time_zones() -> frozenset[str]:
    """Read once: it opens every file."""
    return frozenset(zoneinfo.available_timezones() - _NO_PLACES)
