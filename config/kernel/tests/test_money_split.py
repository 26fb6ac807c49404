"""Amounts in parts: not a minor unit is lost or made, whatever the proportions."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.kernel.money import MAX_AMOUNT, portion, split

AMOUNTS = st.integers(-MAX_AMOUNT, MAX_AMOUNT)
WEIGHTS = st.lists(
    st.one_of(st.integers(0, 10**9), st.fractions(0, 1000, max_denominator=10**4)), min_size=1, max_size=12
).filter(any)


@given(AMOUNTS, WEIGHTS)
@example(5, [3, 3, 3, 1])
@example(-5, [3, 3, 3, 1])
@example(1, [1] * 12)
@example(MAX_AMOUNT, [1, 10**9])
def test_parts_add_up_and_none_is_beyond_the_whole_or_of_the_other_sign(
    amount: int, weights: list[int | Fraction]
) -> None:
    """Each is less than a minor unit away from its share, or just one where two halves meet."""
    parts, whole = split(amount, weights), sum(map(Fraction, weights))
    assert sum(parts) == amount
    assert len(parts) == len(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert 0 <= part * (1 if amount >= 0 else -1) <= abs(amount)
        assert abs(part - amount * weight / whole) <= 1
        assert weight or not part


@given(AMOUNTS, WEIGHTS)
def test_taking_back_is_the_mirror_of_charging(amount: int, weights: list[int | Fraction]) -> None:
    """Half to even favours neither side."""
    assert split(-amount, weights) == [-part for part in split(amount, weights)]


@given(AMOUNTS, WEIGHTS, st.integers(1, 1000))
def test_only_proportions_count(amount: int, weights: list[int | Fraction], factor: int) -> None:
    """Days split as their seconds do."""
    assert split(amount, [weight * factor for weight in weights]) == split(amount, weights)


@given(st.integers(0, MAX_AMOUNT), st.integers(1, 10**8), st.data())
def test_more_time_and_more_money_are_never_less(amount: int, whole: int, data: st.DataObject) -> None:
    """Monotone in both, from nothing to all of it, and half to even."""
    less, more = sorted(data.draw(st.tuples(st.integers(0, whole), st.integers(0, whole))))
    assert portion(amount, 0, whole) == 0 <= portion(amount, less, whole)
    assert portion(amount, less, whole) <= portion(amount, more, whole) <= portion(amount, whole, whole) == amount
    assert portion(amount, less, whole) <= portion(amount + 1, less, whole)
    assert portion(amount, less, whole) == round(Fraction(amount * less, whole))


@given(st.integers(0, MAX_AMOUNT), st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_splitting_the_rest_again_and_again_adds_up(amount: int, stretches: list[int]) -> None:
    """Upgrade after upgrade in one period: what each stretch used and what is left at the end is the whole."""
    left, seconds, used = amount, sum(stretches) + 1, 0
    for stretch in stretches:
        taken, rest = split(left, [stretch, seconds - stretch])
        assert 0 <= taken <= left
        assert taken == portion(left, stretch, seconds)
        used, left, seconds = used + taken, rest, seconds - stretch
    assert used + left == amount
    assert abs(left - Fraction(amount, sum(stretches) + 1)) <= len(stretches)


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 5], [-1]])
def test_impossible_proportions_are_refused(weights: list[int]) -> None:
    """They are a bug of the caller."""
    with pytest.raises(ValueError, match="weights"):
        split(100, weights)


@pytest.mark.parametrize(("part", "whole"), [(-1, 10), (11, 10), (0, 0), (1, 0)])
def test_a_portion_is_between_nothing_and_all(part: int, whole: int) -> None:
    """A stretch beyond its period is a bug of the caller."""
    with pytest.raises(ValueError, match="weights"):
        portion(100, part, whole)
