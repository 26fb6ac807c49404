"""Two real transactions at every pair of their lock points: it ends as if one had come after the other.

A failure names the interleaving, and INTERLEAVING="declined, pay, void, 3, 2" plays that one alone (`-m long`).
"""

import itertools
import os
import random
from collections.abc import Iterable, Iterator

import pytest
from django.db import connection

from tests.interleavings.operations import OPERATIONS
from tests.interleavings.playing import Pair, Played, Stage, stage
from tests.interleavings.worlds import SETTINGS
from tests.invariants import check_invariants

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no row locks to interleave at"),
]
WHERE_BOTH_DO, WHERE_ONE_DOES = 6, 1
ENOUGH_PROBLEMS = 5
SEVEN = ("pay", "cancel", "refund", "webhook", "reconcile", "retry", "void")
ALONE = os.environ.get("INTERLEAVING", "")


def pairs(setting: str) -> list[Pair]:
    """In either order, but for those of which neither does anything there."""
    does, refused = SETTINGS[setting].does, SETTINGS[setting].refused
    both = [Pair(setting, *names) for names in itertools.product(does, does)]
    one = [Pair(setting, *names) for names in itertools.product(does, refused)]
    return [*both, *one, *(pair.reversed for pair in one)]


def chosen_pairs() -> list[Pair]:
    """All of which both do something, and of other two operations the first setting there is."""
    everywhere = [pair for setting in SETTINGS for pair in pairs(setting)]
    chosen = [pair for pair in everywhere if {pair.first, pair.second} <= {*SETTINGS[pair.setting].does}]
    of_operations = {(pair.first, pair.second): pair for pair in reversed([*chosen, *everywhere])}
    return [*chosen, *(pair for pair in of_operations.values() if pair not in chosen)]


CHOSEN = chosen_pairs()


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_few_interleavings_of_each_pair_end_as_one_after_the_other(setting: str) -> None:
    """The same statuses, amounts, books, charges and events, and answers that go with them; nothing deadlocks."""
    with stage() as it:
        found = (problem for pair in CHOSEN if pair.setting == setting for problem in _of_some(it, pair))
        _none_of(found)
    check_invariants()


@pytest.mark.long
@pytest.mark.parametrize(("setting", "first"), sorted({(p.setting, p.first) for s in SETTINGS for p in pairs(s)}))
def test_every_interleaving_of_a_pair_ends_as_one_after_the_other(setting: str, first: str) -> None:
    """At every pair of lock points, in settings in which both do something and in those in which only one does."""
    with stage() as it:
        found = (problem for pair in pairs(setting) if pair.first == first for problem in _of_all(it, pair))
        _none_of(found)
    check_invariants()


@pytest.mark.long
@pytest.mark.skipif(not ALONE, reason="INTERLEAVING names none")
def test_the_interleaving_that_is_asked_for_ends_as_one_after_the_other() -> None:
    """What a failure of the others names, with all that both have done."""
    setting, first, second, i, j = ALONE.split(", ")
    pair = Pair(setting, first, second)
    with stage() as it:
        played = it.play(pair, int(i), int(j))
        print(*played.points, played.answers, played.counts, sep="\n")
        _none_of(it.problems(pair, played))
    check_invariants()


def test_every_two_operations_are_among_the_few() -> None:
    """In either order, and two of the same; and each of them does something somewhere."""
    assert set(itertools.product(SEVEN, SEVEN)) <= {(pair.first, pair.second) for pair in CHOSEN}
    assert {name for setting in SETTINGS.values() for name in setting.does} == OPERATIONS.keys()


def _none_of(problems: Iterable[str]) -> None:
    """The first few, whole."""
    found = list(itertools.islice(problems, ENOUGH_PROBLEMS))
    assert not found, "\n".join(found)


def _of_some(it: Stage, pair: Pair) -> Iterator[str]:
    """Six points of the first, or one where only one does something, with one of the second: the same each time.

    A bug may lie between two neighbouring points of the first; there it shows wherever the second has got to, often.
    """
    first, second = (len(it.one_after_the_other(each).points[0]) for each in (pair, pair.reversed))
    by = random.Random(str(pair))
    both_do = {pair.first, pair.second} <= {*SETTINGS[pair.setting].does}
    for i in by.sample(range(1, first + 1), min(WHERE_BOTH_DO if both_do else WHERE_ONE_DOES, first)):
        j = by.randint(1, second + 1)
        yield from _named(it.problems(pair, it.play(pair, i, j)), pair, i, j)


def _of_all(it: Stage, pair: Pair) -> Iterator[str]:
    """Held up before a point, the second gets to the later ones when the first has let go, and those come anyway."""
    for i in range(1, len(it.one_after_the_other(pair).points[0]) + 1):
        for j in itertools.count(1):
            played: Played = it.play(pair, i, j)
            yield from _named(it.problems(pair, played), pair, i, j)
            if played.was_last:
                break


def _named(problems: Iterable[str], pair: Pair, i: int, j: int) -> Iterator[str]:
    for problem in problems:
        yield f"{pair.setting}, {pair.first}, {pair.second}, {i}, {j}: {problem}"
