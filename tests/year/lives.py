"""Subscriptions as the second calculation sees them, and its arithmetic: integers, and no code of ours."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import NamedTuple

from tests.year.calendars import DAY, HOUR
from tests.year.scripts import ENDS, Decline, Meter

RETRY_DAYS = (1, 2, 3)
"""After each decline the card is tried again so much later."""
PENDING_DAYS = 1
"""So long a first invoice may stay unpaid."""
PER_2800_YEARS = {"day": 7 * 146_097, "week": 146_097, "month": 33_600, "quarter": 11_200, "year": 2_800}
"""How often a cycle comes in 2,800 years: 400 of the calendar, seven times, so that weeks come out even."""
NEVER = ENDS * 2


class Line(NamedTuple):
    """`takes_back` is amount, begin and end of the line that a credit reverses."""

    kind: str
    amount: int
    starts_at: int | None = None
    ends_at: int | None = None
    takes_back: tuple[int, int, int] | None = None


@dataclasses.dataclass
class Bill:
    """An invoice. `period` is None for what a change or an end within a period costs."""

    period: int | None
    lines: tuple[Line, ...]
    amount: int
    credited: int
    status: str = "paid"


class Price(NamedTuple):
    """What somebody who chooses an offer at some time gets, for as long as it is kept."""

    offer: str
    version: int
    amount: int
    cycle: str
    trial_days: int
    meter: Meter | None


@dataclasses.dataclass
class Life:
    """One subscription."""

    family: str
    zone: str
    price: Price
    status: str
    period: int
    anchor: int
    starts_at: int
    ends_at: int
    expires_at: int = NEVER
    cycles: int = 0
    can_pay: bool = True
    following: Price | None = None
    is_leaving: bool = False
    voids: bool = False
    used: Counter[int] = dataclasses.field(default_factory=Counter)
    """Of the metered feature, by period."""
    meter: Meter | None = None
    """By which the use of the period is billed: of the latest plan in it that has one."""
    charged: Line | None = None
    bills: list[Bill] = dataclasses.field(default_factory=list)
    in_flight: set[int] = dataclasses.field(default_factory=set)
    """The places of the bills that were asked for just now, of which nobody has heard yet."""
    unpaid: dict[int, int] = dataclasses.field(default_factory=dict)
    """When somebody pays after all, by the place of the bill."""

    @property
    def has_ended(self) -> bool:
        return self.status in ("canceled", "expired")

    @property
    def is_past_due(self) -> bool:
        return bool(self.unpaid.keys() - self.in_flight)

    @property
    def is_unsettled(self) -> bool:
        return bool(self.unpaid) or bool(self.in_flight)

    @property
    def is_served(self) -> bool:
        return self.status in ("trialing", "active")

    def due_at(self) -> int:
        """When something happens by itself."""
        return NEVER if self.has_ended else self.expires_at if self.status == "pending" else self.ends_at


def half_even(amount: int, part: int, whole: int) -> int:
    """`amount` for `part` of `whole`, rounded once."""
    assert 0 <= part <= whole
    quotient, left = divmod(amount * part, whole)
    return quotient + (2 * left > whole or (2 * left == whole and quotient % 2))


def rest_of(amount: int, starts_at: int, at: int, ends_at: int) -> int:
    """What of an amount for a time is left once the part before `at` is rounded."""
    return amount - half_even(amount, at - starts_at, ends_at - starts_at)


def costs_more(one: Price, other: Price) -> bool:
    """In the same time, in the long run."""
    return one.amount * PER_2800_YEARS[one.cycle] > other.amount * PER_2800_YEARS[other.cycle]


def full_hour(at: int) -> int:
    """The first one from then on."""
    return -(-at // HOUR) * HOUR


def recovery(decline: Decline, at: int) -> int:
    """When what was declined at first is paid: at a full hour by a retry, or whenever a person does it."""
    if decline.by_hand_after:
        return at + decline.by_hand_after
    for days in RETRY_DAYS[: decline.times]:
        at = full_hour(at + days * DAY)
    return at
