"""Where periods begin: whole cycles from an anchor, in months of every length and on clocks that are changed."""

import datetime
import itertools
import zoneinfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.models import Cycle
from billing.services.calendar import boundary, is_time_zone

ZONES = sorted(name for name in zoneinfo.available_timezones() if is_time_zone(name))
APIA = datetime.datetime(2011, 12, 28, 20, tzinfo=datetime.UTC)
"""10:00 on the clocks of Apia, two days before the day that it left out."""


def on(zone: str, anchored: str, cycle: str, cycles: int) -> str:
    """Where a boundary lies, as the clocks there show it."""
    there = zoneinfo.ZoneInfo(zone)
    anchored_at = datetime.datetime.fromisoformat(anchored).replace(tzinfo=there).astimezone(datetime.UTC)
    found = boundary(anchored_at=anchored_at, cycle=cycle, cycles=cycles, time_zone=zone)
    assert found.tzinfo is datetime.UTC
    return found.astimezone(there).replace(tzinfo=None).isoformat(" ", "minutes")


@pytest.mark.parametrize(
    ("anchored", "cycle", "ends"),
    [
        ("2026-01-31", "month", ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2024-01-31", "month", ["2024-02-29", "2024-03-31"]),
        ("2024-02-29", "year", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2026-11-30", "quarter", ["2027-02-28", "2027-05-30", "2027-08-30", "2027-11-30"]),
        ("2026-12-31", "day", ["2027-01-01", "2027-01-02"]),
        ("2026-12-28", "week", ["2027-01-04", "2027-01-11"]),
        ("2026-12-15", "month", ["2027-01-15"]),
    ],
)
def test_a_day_that_a_month_does_not_have_is_its_last_one(anchored: str, cycle: str, ends: list[str]) -> None:
    """Counted from the anchor, so that nothing creeps towards the 28th."""
    found = [on("UTC", anchored, cycle, number) for number in range(1, len(ends) + 1)]
    assert found == [f"{end} 00:00" for end in ends]


@pytest.mark.parametrize(
    ("zone", "anchored", "cycle", "ends"),
    [
        ("Europe/Berlin", "2026-02-28T12:00", "month", ["2026-03-28 12:00", "2026-04-28 12:00"]),
        ("Europe/Berlin", "2026-03-28T02:30", "day", ["2026-03-29 03:30", "2026-03-30 02:30"]),
        ("Europe/Berlin", "2026-10-24T02:30", "day", ["2026-10-25 02:30", "2026-10-26 02:30"]),
        ("America/New_York", "2026-03-01T02:30", "week", ["2026-03-08 03:30", "2026-03-15 02:30"]),
        ("America/New_York", "2025-11-02T01:30", "year", ["2026-11-02 01:30", "2027-11-02 01:30"]),
        ("Asia/Kolkata", "2026-01-31T00:15", "month", ["2026-02-28 00:15", "2026-03-31 00:15"]),
        ("Africa/Casablanca", "2026-01-18T02:30", "month", ["2026-02-18 02:30", "2026-03-18 02:30"]),
        ("Pacific/Apia", "2011-11-29T10:00", "month", ["2011-12-29 10:00", "2012-01-29 10:00"]),
    ],
)
def test_the_time_of_day_is_that_of_the_clocks_there(zone: str, anchored: str, cycle: str, ends: list[str]) -> None:
    """Before and after they are changed; an hour that they leave out is the one after it."""
    assert [on(zone, anchored, cycle, number) for number in range(1, len(ends) + 1)] == ends


@pytest.mark.parametrize("anchored_at", ["2026-10-25T00:30", "2026-10-25T01:30"])
def test_of_an_hour_that_comes_twice_it_is_the_first(anchored_at: str) -> None:
    """Also where the anchor lies in the second: 25 October is the Sunday that has it in 2026 and in 2037."""
    anchor = datetime.datetime.fromisoformat(anchored_at).replace(tzinfo=datetime.UTC)
    found = boundary(anchored_at=anchor, cycle="year", cycles=11, time_zone="Europe/Berlin")
    assert found == datetime.datetime(2037, 10, 25, 0, 30, tzinfo=datetime.UTC)


def test_a_day_that_a_zone_left_out_lies_between_its_neighbours() -> None:
    """Apia went from 29 to 31 December 2011: 24 hours, two boundaries."""
    found = [boundary(anchored_at=APIA, cycle="day", cycles=number, time_zone="Pacific/Apia") for number in range(5)]
    assert [(later - earlier) / datetime.timedelta(hours=1) for earlier, later in itertools.pairwise(found)] == [
        24, 12, 12, 24,
    ]  # fmt: skip


@given(
    zone=st.sampled_from(ZONES),
    anchored_at=st.integers(-70 * 366 * 86_400, 230 * 365 * 86_400).map(
        lambda seconds: datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    ),
    cycle=st.sampled_from(Cycle.values),
    first=st.integers(0, 100),
)
@example(zone="Pacific/Apia", anchored_at=APIA, cycle="day", first=0)
@example(zone="Pacific/Apia", anchored_at=APIA.replace(hour=10), cycle="day", first=0)
@example(
    zone="Pacific/Kwajalein", anchored_at=datetime.datetime(1993, 8, 20, 1, tzinfo=datetime.UTC), cycle="day", first=0
)
@example(
    zone="Africa/Casablanca",
    anchored_at=datetime.datetime(2026, 2, 14, 1, 30, tzinfo=datetime.UTC),
    cycle="day",
    first=0,
)
def test_boundaries_strictly_increase(zone: str, anchored_at: datetime.datetime, cycle: str, first: int) -> None:
    """In every zone, from every anchor, for every cycle: a period without length is refused by the database."""
    found = [
        boundary(anchored_at=anchored_at, cycle=cycle, cycles=number, time_zone=zone)
        for number in (0, *range(first + 1, first + 5))
    ]
    assert found[0] == anchored_at
    assert all(earlier < later for earlier, later in itertools.pairwise(found))


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Etc/GMT+12"]
)
def test_an_iana_name_is_a_time_zone(name: str) -> None:
    """As the database of zones has it."""
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name",
    [
        "", " ", ".", "..", "/", "../etc/passwd", "/etc/passwd", "Europe", "Europe/", "Europe/Berlin ", "europe/berlin",
        "Europe/../Europe/Berlin", "Europe\\Berlin", "Europe/Berlin\0", "Factory", "localtime", "posixrules",
        "leapseconds", "tzdata.zi", "zone.tab", "posix/Europe/Berlin", "right/Europe/Berlin", "+02:00", "Mars/Olympus",
        "x" * 10_000,
    ],
)  # fmt: skip
def test_no_other_name_is(name: str) -> None:
    """Nor a path, nor what this machine's own clock shows, nor what lies beside the zones."""
    assert not is_time_zone(name)
