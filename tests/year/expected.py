"""What a year has to come to, by the rules of design.md §2 and nothing else: integers, and no code of ours.

A customer is taken through the year from one happening to the next. Times are microseconds of Unix time; the only
zones and calendars are those of the standard library.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from collections.abc import Iterator

from tests.year.calendars import DAY, HOUR, boundary
from tests.year.lives import (
    NEVER,
    PENDING_DAYS,
    Bill,
    Life,
    Line,
    Price,
    costs_more,
    full_hour,
    recovery,
    rest_of,
)
from tests.year.scripts import ENDS, Act, Script, Year


class Customer:
    """One script, played by the rules. `told` is how each act ended; `credit` what is the customer's in the end."""

    def __init__(self, year: Year, script: Script) -> None:
        self._year, self._script = year, script
        self.lives: list[Life] = []
        self.told: list[str] = []
        self.credit: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._trials: set[str] = set()

    def live(self) -> Customer:
        """From the first act to the end of the year."""
        acts = [act for act in self._script.acts if act.at < ENDS]
        while True:
            at, rank, *_, life = min(
                [(acts[0].at if acts else NEVER, 3, 0, 0, None), *self._happenings()], key=lambda each: each[:4]
            )
            if at >= ENDS:
                return self
            for each in self.lives:
                each.in_flight.clear()
            if life is None:
                self.told.append(self._act(acts.pop(0)))
            elif rank == 0:
                self._advance(life, at)
            else:
                self._paid(life, at)

    def _happenings(self) -> Iterator[tuple[int, int, int, int, Life | None]]:
        """What the worker does, what was due first before the rest; then who pays after all."""
        for number, life in enumerate(self.lives):
            due_at = life.due_at()
            if due_at < ENDS:
                yield self._worker_comes(due_at), 0, due_at, number, life
            for paid_at in life.unpaid.values():
                yield paid_at, 1, 0, number, life

    def _worker_comes(self, at: int) -> int:
        """At full hours, but for outages."""
        hour = full_hour(at)
        while self._year.is_out(hour):
            hour += HOUR
        return hour

    def _advance(self, life: Life, at: int) -> None:
        if life.status == "pending":
            self._void(life)
            life.status = "expired"
        elif life.is_leaving:
            self._end(life, at)
        elif life.period == 0 and not life.can_pay and (life.following or life.price).amount > self._credit_of(life):
            life.status = "expired"
        else:
            self._next_period(life, at)

    def _next_period(self, life: Life, at: int) -> None:
        over = self._over(life)
        self._turn(life)
        self._bill(life, at, [life.charged, *over], period=life.period)
        if life.status == "trialing":
            life.status = "active"

    def _turn(self, life: Life) -> None:
        """To what follows the period."""
        following = life.following or life.price
        if life.period == 0 or following.cycle != life.price.cycle:
            life.anchor, life.cycles = life.ends_at, -1
        life.price, life.following = following, None
        self._enter(life)

    def _enter(self, life: Life) -> None:
        life.period, life.cycles = life.period + 1, life.cycles + 1
        life.starts_at = boundary(life.anchor, life.price.cycle, life.cycles, life.zone)
        life.ends_at = boundary(life.anchor, life.price.cycle, life.cycles + 1, life.zone)
        life.charged = Line("plan", life.price.amount, life.starts_at, life.ends_at)
        life.meter = life.price.meter

    def _credit_of(self, life: Life) -> int:
        return self.credit[self._year.offers[life.price.offer].currency]

    def _over(self, life: Life) -> list[Line]:
        amount = self._overage(life)
        return [Line("overage", amount, life.starts_at, life.ends_at)] if amount else []

    def _overage(self, life: Life) -> int:
        """What the use of its period costs, by the latest plan in it that counts."""
        meter, used = life.meter, life.used[life.period]
        if meter is None or not life.period or used <= meter.limit:
            return 0
        return (used - meter.limit + meter.per - 1) // meter.per * meter.unit_amount

    def _unused(self, life: Life, at: int) -> list[Line]:
        charged = life.charged
        if charged is None or at >= life.ends_at:
            return []
        assert charged.starts_at is not None
        rest = rest_of(charged.amount, charged.starts_at, at, life.ends_at)
        takes_back = (charged.amount, charged.starts_at, life.ends_at)
        return [Line("credit", -rest, at, life.ends_at, takes_back)] if rest else []

    def _bill(self, life: Life, at: int, lines: list[Line | None], *, period: int | None) -> None:
        """Credit pays first; what is left is asked of the card."""
        currency = self._year.offers[life.price.offer].currency
        present = [line for line in lines if line is not None]
        amount = sum(line.amount for line in present)
        if amount < 0:
            present.append(Line("carried", -amount))
            self.credit[currency] -= amount
            amount = credited = 0
        else:
            credited = min(self.credit[currency], amount)
            self.credit[currency] -= credited
        bill = Bill(period, tuple(sorted(present, key=repr)), amount, credited)
        life.bills.append(bill)
        if amount > credited:
            self._ask(life, bill, at)

    def _ask(self, life: Life, bill: Bill, at: int) -> None:
        decline = self._script.declines.get((life.family, self._asked[life.family]))
        self._asked[life.family] += 1
        life.in_flight.add(len(life.bills) - 1)
        if decline is not None:
            bill.status = "owed"
            life.unpaid[len(life.bills) - 1] = recovery(decline, at)

    def _paid(self, life: Life, at: int) -> None:
        for place in [place for place, paid_at in life.unpaid.items() if paid_at <= at]:
            life.bills[place].status = "paid"
            del life.unpaid[place]
        if life.status == "pending":
            life.status = "active"

    def _void(self, life: Life) -> None:
        """What is owed is owed no more; the credit that had paid a part of it is the customer's again."""
        currency = self._year.offers[life.price.offer].currency
        for place in life.unpaid:
            life.bills[place].status = "void"
            self.credit[currency] += life.bills[place].credited
            life.bills[place].credited = 0
        life.unpaid.clear()

    def _give_back(self, life: Life) -> None:
        """What was asked for just now is paid, and goes back; credit too."""
        currency = self._year.offers[life.price.offer].currency
        for place in life.in_flight - life.unpaid.keys():
            self.credit[currency] += life.bills[place].credited

    def _end(self, life: Life, at: int, *, credit_unused: bool = False) -> None:
        """What was used over a limit is billed, unless nobody is to owe anything. What is owed is not credited."""
        lines = [] if life.voids else self._over(life)
        if life.voids:
            self._give_back(life)
            self._void(life)
        if credit_unused and not life.is_unsettled:
            lines += self._unused(life, at)
        if lines:
            self._bill(life, at, [*lines], period=None)
        life.status = "canceled"

    def _act(self, act: Act) -> str:
        life = next((each for each in reversed(self.lives) if each.family == act.family), None)
        if act.what in ("subscribe", "trial"):
            return self._begin(act, life)
        if life is None:
            return "nobody"
        acts = {"change": self._change, "cancel": self._cancel, "reactivate": self._reactivate, "use": self._use}
        before = copy.deepcopy((self.lives, self.credit, self._asked))
        told = acts[act.what](life, act)
        if told != "done":
            self.lives, self.credit, self._asked = before
        return told

    def _begin(self, act: Act, earlier: Life | None) -> str:
        if earlier is not None and not earlier.has_ended:
            return "already_subscribed"
        if act.what == "trial" and act.family in self._trials:
            return "trial_used"
        price = self._price(act.offer, act.at)
        life = Life(act.family, self._script.zone, price, "", 0, act.at, act.at, act.at, can_pay=act.can_pay)
        self.lives.append(life)
        if act.what == "trial":
            self._trials.add(act.family)
            life.status, life.ends_at = "trialing", act.at + price.trial_days * DAY
            return "done"
        life.cycles = -1
        self._enter(life)
        self._bill(life, act.at, [life.charged], period=1)
        life.status = "pending" if life.unpaid else "active"
        life.expires_at = act.at + PENDING_DAYS * DAY
        return "done"

    def _price(self, offer: str, at: int) -> Price:
        """The latest there was then."""
        amounts = [self._year.offers[offer].amount]
        amounts += [each.amount for each in self._year.repricings if each.offer == offer and each.at <= at]
        versions = [amount for place, amount in enumerate(amounts) if place == 0 or amount != amounts[place - 1]]
        terms = self._year.offers[offer]
        return Price(offer, len(versions), versions[-1], terms.cycle, terms.trial_days, terms.meter)

    def _catch_up(self, life: Life, at: int) -> None:
        """What the worker has not come to yet is done before anything else."""
        while life.is_served and life.period and not life.is_leaving and at >= life.ends_at:
            self._next_period(life, at)

    def _change(self, life: Life, act: Act) -> str:
        self._catch_up(life, act.at)
        has_run_out = life.is_leaving and act.at >= life.ends_at
        if not life.is_served or life.is_past_due or has_run_out:
            return "forbidden_transition"
        if life.following is not None and life.following.offer != act.offer == life.price.offer:
            life.following = None
            return "done"
        price = self._price(act.offer, act.at)
        if price == ((life.following if act.when != "now" else None) or life.price):
            return "same_plan"
        is_now = act.when == "now" if act.when else costs_more(price, life.price) or life.period == 0
        if not is_now:
            life.following = price
        elif life.period == 0:
            life.price, life.following = price, None
        else:
            return self._change_now(life, price, act.at)
        return "done"

    def _change_now(self, life: Life, price: Price, at: int) -> str:
        """What would become credit has to be paid first."""
        is_unsettled, lines = life.is_unsettled, [*self._unused(life, at)]
        period = None
        if price.cycle == life.price.cycle:
            life.price, life.following = price, None
            life.meter = price.meter or life.meter
            life.charged = Line("plan", rest_of(price.amount, life.starts_at, at, life.ends_at), at, life.ends_at)
        else:
            lines += self._over(life)
            self._begin_anew(life, price, at)
            period = life.period
        lines += [life.charged] if life.charged else []
        if is_unsettled and sum(line.amount for line in lines) < 0:
            return "not_paid_yet"
        self._bill(life, at, [*lines], period=period)
        return "done"

    def _begin_anew(self, life: Life, price: Price, at: int) -> None:
        """A period of another cycle, in which what was used goes on counting."""
        used = life.used[life.period]
        life.price, life.following = price, None
        life.anchor, life.cycles = at, -1
        self._enter(life)
        if price.meter is not None:
            life.used[life.period] = min(used, price.meter.limit)

    def _cancel(self, life: Life, act: Act) -> str:
        self._catch_up(life, act.at)
        if life.has_ended:
            return "forbidden_transition"
        voids = life.voids or act.void_open_invoices or life.status == "pending"
        if act.when == "now" or life.status == "pending":
            life.voids = voids
            self._end(life, act.at, credit_unused=act.credit_unused and life.status != "pending")
        elif life.is_leaving:
            return "cancel_scheduled"
        else:
            life.is_leaving, life.voids = True, voids
        return "done"

    def _reactivate(self, life: Life, act: Act) -> str:
        if life.has_ended:
            return "forbidden_transition"
        if not life.is_leaving:
            return "cancel_not_scheduled"
        life.is_leaving = life.voids = False
        return "done"

    def _use(self, life: Life, act: Act) -> str:
        """In the period that the clock is in, though no worker has begun it; a trial's limit has no price."""
        is_over = act.at >= life.ends_at
        if life.status not in ("trialing", "active") or (is_over and life.is_leaving):
            return "subscription_not_served"
        now = dataclasses.replace(life)
        while now.period and act.at >= now.ends_at:
            self._turn(now)
        meter = now.price.meter
        if meter is None:
            return "unknown_feature"
        if now.period == 0 and life.used[0] + act.delta > meter.limit:
            return "usage_limit_exceeded"
        life.used[now.period] += act.delta
        return "done"


def by_the_rules(year: Year) -> list[Customer]:
    """Every customer's year."""
    return [Customer(year, script).live() for script in year.scripts]
