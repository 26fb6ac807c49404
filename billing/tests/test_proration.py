"""Upgrade after upgrade within one period: nothing is charged twice, given away or lost, whatever the amounts."""

import datetime
from fractions import Fraction
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from billing.services.charging import split_by_time
from config.kernel.money import MAX_AMOUNT, split

START = datetime.datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=datetime.UTC)
MICROSECOND = datetime.timedelta(microseconds=1)
LENGTHS = st.integers(1, 366 * 86_400 * 10**6)
AMOUNTS = st.integers(0, MAX_AMOUNT)


@st.composite
def upgrades(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """How long the period is in microseconds, when in it the plan changes, and what each plan costs for all of it."""
    length = draw(LENGTHS)
    changes = sorted(draw(st.lists(st.integers(0, length - 1), max_size=8)))
    prices = draw(st.lists(AMOUNTS, min_size=len(changes) + 1, max_size=len(changes) + 1))
    return length, changes, prices


def at(micros: int) -> datetime.datetime:
    return START + micros * MICROSECOND


def played(length: int, changes: list[int], prices: list[int]) -> tuple[list[int], list[int]]:
    """What each plan was charged for from when it began, and what of that was credited when the next one did."""
    charged, credited = [prices[0]], []
    for (before, now), price in zip(pairwise([0, *changes]), prices[1:], strict=True):
        credited.append(split_by_time(charged[-1], at(before), at(now), at(length))[1])
        charged.append(split_by_time(price, at(0), at(now), at(length))[1])
    return charged, [*credited, 0]


def rounded(amount: int, part: int, whole: int) -> int:
    """Once, half to even, without a fraction in it."""
    quotient, left = divmod(amount * part, whole)
    return quotient + (2 * left > whole or (2 * left == whole and quotient % 2))


@given(upgrades())
@example((2, [1], [1, 3]))
@example((3, [1, 1, 2], [5, 5, 5, 5]))
@example((86_400_000_000, [43_200_000_000], [MAX_AMOUNT, MAX_AMOUNT]))
def test_what_stays_charged_is_what_was_used(period: tuple[int, list[int], list[int]]) -> None:
    """Of each plan's charge the part until the next change, rounded once; of the last one all."""
    length, changes, prices = period
    charged, credited = played(length, changes, prices)
    used = [
        rounded(amount, until - begun, length - begun)
        for amount, (begun, until) in zip(charged, pairwise([0, *changes, length]), strict=True)
    ]
    assert sum(charged) - sum(credited) == sum(used)


@given(upgrades())
def test_no_part_is_negative_and_nothing_is_credited_beyond_what_was_charged(
    period: tuple[int, list[int], list[int]],
) -> None:
    """Nor is a plan charged beyond its price."""
    charged, credited = played(*period)
    for price, amount, back in zip(period[2], charged, credited, strict=True):
        assert 0 <= back <= amount <= price


@given(upgrades())
def test_the_rest_of_a_period_costs_its_share_of_the_price(period: tuple[int, list[int], list[int]]) -> None:
    """To less than a minor unit, however many changes there were before."""
    length, changes, prices = period
    charged, _ = played(*period)
    for price, amount, begun in zip(prices, charged, [0, *changes], strict=True):
        assert abs(amount - Fraction(price * (length - begun), length)) <= Fraction(1, 2)


@given(AMOUNTS, LENGTHS, st.data())
def test_a_split_by_time_is_a_split_by_microseconds(amount: int, length: int, data: st.DataObject) -> None:
    """Both parts are the whole; the first is rounded once, half to even, at the period's edges too."""
    now = data.draw(st.integers(0, length))
    before, after = split_by_time(amount, at(0), at(now), at(length))
    assert [before, after] == split(amount, [now, length - now])
    assert (before, before + after) == (rounded(amount, now, length), amount)


@given(AMOUNTS, LENGTHS, st.data())
def test_a_change_to_the_same_price_costs_nothing(amount: int, length: int, data: st.DataObject) -> None:
    """However often: what is credited is what is charged again, to a minor unit for each change."""
    changes = sorted(data.draw(st.lists(st.integers(0, length - 1), max_size=8)))
    charged, credited = played(length, changes, [amount] * (len(changes) + 1))
    assert abs(sum(charged) - sum(credited) - amount) <= len(changes)
