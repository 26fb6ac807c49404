"""What customers do in a year, decided by a seed: plain values, without a word of our own code."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import random
import zoneinfo
from collections.abc import Iterator

from tests.year import calendars
from tests.year.calendars import DAY, HOUR

BEGINS = calendars.micros(datetime.datetime(2027, 6, 1, tzinfo=datetime.UTC))
ENDS = calendars.micros(datetime.datetime(2028, 6, 1, tzinfo=datetime.UTC))
"""A year with a 29 February, and with each change of the clocks of every zone below."""

CYCLES = ("day", "week", "month", "quarter", "year")
FAMILIES = ("main", "storage")
CURRENCIES = ("EUR", "JPY", "KWD", "USD")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Beirut",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
TIERS = ("free", "small", "odd", "large", "metered")
NIGHT = [(0, 0), (0, 30), (1, 30), (2, 0), (2, 30), (2, 59), (23, 59)]
METERED = "api_calls"


@dataclasses.dataclass(frozen=True)
class Meter:
    """Above `limit` each `per` begun costs `unit_amount`."""

    limit: int
    per: int
    unit_amount: int


@dataclasses.dataclass(frozen=True)
class Offer:
    """A plan, as it is when the year begins."""

    name: str
    family: str
    currency: str
    cycle: str
    amount: int
    trial_days: int
    meter: Meter | None


@dataclasses.dataclass(frozen=True)
class Repricing:
    """From `at` on, whoever subscribes to the offer pays `amount`."""

    at: int
    offer: str
    amount: int


@dataclasses.dataclass(frozen=True)
class Act:
    """One thing that a customer does about the latest subscription of a family. Times are microseconds of Unix time."""

    at: int
    what: str
    family: str
    offer: str = ""
    when: str | None = None
    can_pay: bool = True
    credit_unused: bool = False
    void_open_invoices: bool = False
    delta: int = 0


@dataclasses.dataclass(frozen=True)
class Decline:
    """The card is refused `times` times, and the retries go on; or a person pays `by_hand_after`, once it is not 0."""

    times: int = 1
    by_hand_after: int = 0


@dataclasses.dataclass(frozen=True)
class Script:
    """A customer's year; `declines` says which of what a family's invoices ask for, counted from 0, is refused."""

    number: int
    zone: str
    acts: tuple[Act, ...]
    declines: dict[tuple[str, int], Decline]


@dataclasses.dataclass(frozen=True)
class Year:
    offers: dict[str, Offer]
    repricings: tuple[Repricing, ...]
    outages: tuple[tuple[int, int], ...]
    scripts: tuple[Script, ...]

    def is_out(self, at: int) -> bool:
        """Whether no worker renews anything then."""
        return any(begins <= at < ends for begins, ends in self.outages)


def a_year(*, seed: int, subscriptions: int) -> Year:
    """Customers until they have begun that many subscriptions."""
    rng = random.Random(seed)
    offers = {offer.name: offer for offer in _offers(rng)}
    repriced = rng.sample(sorted(offers), len(offers) // 4)
    repricings = [
        Repricing(_instant(rng), name, offers[name].amount * rng.randint(50, 170) // 100) for name in repriced
    ]
    scripts: list[Script] = []
    begun = 0
    for number in itertools.count():
        if begun >= subscriptions:
            break
        scripts.append(_script(random.Random(f"{seed}/{number}"), number, offers))
        begun += len({act.family for act in scripts[-1].acts})
    return Year(offers, tuple(sorted(repricings, key=lambda each: each.at)), tuple(_outages(rng)), tuple(scripts))


def _offers(rng: random.Random) -> Iterator[Offer]:
    for family, currency, cycle, tier in itertools.product(FAMILIES, CURRENCIES, CYCLES, TIERS):
        amount = {"free": 0, "small": rng.randint(1, 99), "odd": 2 * rng.randint(100, 2000) + 1}.get(tier)
        yield Offer(
            name=f"{family} {currency} {cycle} {tier}",
            family=family,
            currency=currency,
            cycle=cycle,
            amount=rng.randint(5_000, 900_001) if amount is None else amount,
            trial_days=rng.choice([3, 14, 30]),
            meter=Meter(rng.randint(0, 500), rng.choice([1, 7, 100]), rng.randint(1, 49))
            if tier == "metered"
            else None,
        )


def _outages(rng: random.Random) -> Iterator[tuple[int, int]]:
    """One each quarter, of an hour to ten days; one of them over the end of February."""
    for quarter, hours in enumerate(rng.sample([1, 30, 72, 240], 4)):
        begins = BEGINS + (quarter * 91 * 24 + rng.randrange(60 * 24)) * HOUR
        if quarter == 3:
            begins = calendars.micros(datetime.datetime(2028, 2, 27, rng.randrange(24), tzinfo=datetime.UTC))
        yield begins, begins + hours * HOUR


def _instant(rng: random.Random) -> int:
    return rng.randrange(BEGINS + HOUR, ENDS - DAY)


def _start(rng: random.Random, zone: str, cycle: str) -> int:
    """Often at the end of a month, or whole cycles before a time that the clocks of the zone skip or show twice."""
    kind = rng.choice(["any", "end of month", "end of month", "change of clocks"])
    changes = calendars.changes(zone, BEGINS, ENDS)
    if kind == "end of month":
        day = rng.choice(list(_last_days()))
        second = rng.choice([(0, 0), (rng.randrange(60), rng.randrange(10**6))])
        return calendars.instant(datetime.datetime.combine(day, datetime.time(*rng.choice(NIGHT), *second)), zone)
    if kind == "change of clocks" and changes:
        odd = rng.choice(changes) + datetime.timedelta(microseconds=rng.randrange(HOUR // 2))
        start = calendars.boundary(calendars.instant(odd, zone), cycle, -rng.randint(1, 3), zone)
        day = calendars.moment(start).astimezone(zoneinfo.ZoneInfo(zone)).date()
        return max(calendars.instant(datetime.datetime.combine(day, odd.time()), zone), BEGINS + HOUR)
    return _instant(rng)


def _last_days() -> Iterator[datetime.date]:
    """Of each month but the last."""
    for month in range(6, 17):
        for day in (28, 29, 30, 31):
            yield calendars.day_of(2027 + month // 13, (month - 1) % 12 + 1, day)


def _script(rng: random.Random, number: int, offers: dict[str, Offer]) -> Script:
    zone, currency = rng.choice(ZONES), rng.choice(CURRENCIES)
    acts: list[Act] = []
    declines = {}
    for family in rng.sample(FAMILIES, rng.choice([1, 1, 1, 2])):
        fitting = [each for each in offers.values() if (each.family, each.currency) == (family, currency)]
        acts += _Walk(rng, zone, family, fitting).acts()
        if rng.random() < 0.4:
            by_hand_after = rng.choice([0, rng.randrange(HOUR, 160 * HOUR)])
            declines[family, rng.randrange(6)] = Decline(rng.randint(1, 3), by_hand_after)
    return Script(number, zone, tuple(sorted(acts, key=lambda act: act.at)), declines)


class _Walk:
    """What one customer does in one family of plans, one thing after the other."""

    def __init__(self, rng: random.Random, zone: str, family: str, offers: list[Offer]) -> None:
        self._rng, self._zone, self._family, self._offers = rng, zone, family, offers

    def acts(self) -> Iterator[Act]:
        rng = self._rng
        self._cycle = rng.choices(CYCLES, [8, 12, 50, 15, 15])[0]
        at = self._begun_at = _start(rng, self._zone, self._cycle)
        first = self._begin(at)
        if first.what == "trial" and rng.random() < 0.1:
            yield dataclasses.replace(first, can_pay=False)
            return
        yield first
        for _ in range(rng.choice([0, 1, 2, 3, 5, 8])):
            at = self._next(at)
            if at >= ENDS:
                return
            yield from self._act(at)
        if self._cycle == "day":  # else a year of it would be most of what there is to play
            at += rng.randrange(2, 40) * DAY
            yield Act(at, "cancel", self._family, when=rng.choice(["now", "period_end"]))

    def _begin(self, at: int) -> Act:
        return Act(at, self._rng.choices(["subscribe", "trial"], [3, 1])[0], self._family, self._offer())

    def _offer(self, cycle: str = "") -> str:
        fitting = [each.name for each in self._offers if each.cycle == (cycle or self._cycle)]
        return self._rng.choices(fitting, [3 if name.endswith("metered") else 1 for name in fitting])[0]

    def _next(self, at: int) -> int:
        """Soon after, some time in the next periods; or where months from the start, or halves of a cycle, end."""
        rng = self._rng
        soon = at + rng.randrange(1, 48 * HOUR)
        days = {"day": 5, "week": 20, "month": 80, "quarter": 150, "year": 200}[self._cycle]
        later = at + rng.randrange(1, days * DAY)
        month = next(
            each
            for cycles in itertools.count(1)
            if (each := calendars.boundary(self._begun_at, "month", cycles, self._zone)) > at + 1
        )
        half = (self._begun_at + calendars.boundary(self._begun_at, self._cycle, 1, self._zone)) // 2
        return rng.choice([soon, soon, later, later, later, month, month - 1, half if half > at else later])

    def _act(self, at: int) -> Iterator[Act]:
        rng, family = self._rng, self._family
        kind = rng.choices(["change", "other cycle", "use", "cancel", "reactivate", "again"], [40, 16, 20, 11, 8, 5])[0]
        when = rng.choice(["now", "now", "period_end"])
        match kind:
            case "change":
                yield Act(at, "change", family, self._offer(), when=rng.choice([when, None]))
                if when == "now":
                    yield Act(at + rng.randrange(1, 3 * DAY), "change", family, self._offer(), when="now")
            case "other cycle":
                cycle = rng.choice([each for each in CYCLES[1:] if each != self._cycle])
                yield Act(at, "change", family, self._offer(cycle), when=when)
                if rng.random() < 0.8:
                    self._cycle = cycle
            case "use":
                yield Act(at, "use", family, delta=rng.randint(1, 1500))
            case "reactivate":
                yield Act(at, "cancel", family, when="period_end")
                yield Act(at + rng.randrange(1, DAY), "reactivate", family)
            case "again":
                yield self._begin(at)
            case _:
                extra = rng.choice(["", "credit_unused", "void_open_invoices"])
                yield Act(at - 1, "use", family, delta=rng.randint(1, 1500))
                yield Act(
                    at,
                    "cancel",
                    family,
                    when=when,
                    credit_unused=extra == "credit_unused",
                    void_open_invoices=extra == "void_open_invoices",
                )
                if rng.random() < 0.5:
                    yield self._begin(at + rng.randrange(1, 60 * DAY))
