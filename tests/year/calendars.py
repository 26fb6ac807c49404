"""Time as the independent calculation has it: integers of microseconds, and days counted by the standard library."""

import calendar
import datetime
import functools
import zoneinfo

SECOND = 10**6
HOUR = 3600 * SECOND
DAY = 24 * HOUR
UNIX = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MONTHS = {"month": 1, "quarter": 3, "year": 12}
DAYS = {"day": 1, "week": 7}


def micros(moment: datetime.datetime) -> int:
    """Microseconds of Unix time."""
    since = moment - UNIX
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def moment(at: int) -> datetime.datetime:
    """The other way round."""
    return UNIX + datetime.timedelta(microseconds=at)


def day_of(year: int, month: int, day: int) -> datetime.date:
    """That day, or the month's last one."""
    return datetime.date(year, month, min(day, calendar.monthrange(year, month)[1]))


def instant(local: datetime.datetime, zone: str) -> int:
    """When the clocks of a zone show `local`: the first time; where they skip it, what they skip later."""
    naive = micros(local.replace(tzinfo=datetime.UTC))
    offsets = {_offset(naive + days * DAY, zone) for days in (-2, -1, 0, 1, 2)}
    shown = [naive - offset for offset in offsets if _offset(naive - offset, zone) == offset]
    return min(shown) if shown else naive - min(offsets)


def boundary(anchor: int, cycle: str, cycles: int, zone: str) -> int:
    """`cycles` cycles after the anchor."""
    if not cycles:
        return anchor
    local = moment(anchor).astimezone(zoneinfo.ZoneInfo(zone))
    if cycle in DAYS:
        day = datetime.date.fromordinal(local.toordinal() + DAYS[cycle] * cycles)
    else:
        months = local.year * 12 + local.month - 1 + MONTHS[cycle] * cycles
        day = day_of(months // 12, months % 12 + 1, local.day)
    return instant(datetime.datetime.combine(day, local.time()), zone)


@functools.cache
def changes(zone: str, begins: int, ends: int) -> list[datetime.datetime]:
    """Local times at which what the clocks of a zone skip or show twice begins."""
    found = []
    for at in range(begins, ends, HOUR // 2):
        before, after = _offset(at - 1, zone), _offset(at, zone)
        if before != after:
            found.append(moment(at + min(before, after)).replace(tzinfo=None))
    return found


def _offset(at: int, zone: str) -> int:
    offset = moment(at).astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * SECOND
