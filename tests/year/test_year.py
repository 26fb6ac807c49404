"""A year of subscriptions: their invoices are what an independent calculation says, and the books verify."""

import itertools
from collections import Counter

import pytest

from tests.invariants import check_invariants
from tests.year.comparing import differences
from tests.year.expected import Customer, by_the_rules
from tests.year.playing import Played
from tests.year.scripts import CURRENCIES, a_year

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("movable_clock")]


@pytest.mark.parametrize(
    ("seed", "subscriptions"),
    [
        (283, 25),
        pytest.param(289, 25, marks=pytest.mark.long),
        pytest.param(11, 1000, marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
def test_a_year_comes_to_what_the_rules_say(seed: int, subscriptions: int) -> None:
    """Every line, total, period and status, and every customer's credit."""
    year = a_year(seed=seed, subscriptions=subscriptions)
    expected = by_the_rules(year)
    played = Played(year).play()
    print(of_what(expected))
    found = list(itertools.islice(differences(expected, played, currencies=CURRENCIES), 10))
    assert not found, "\n".join(found)
    check_invariants()


def of_what(customers: list[Customer]) -> str:
    """How much of what was in it."""
    lives = [life for customer in customers for life in customer.lives]
    bills = [bill for life in lives for bill in life.bills]
    kinds = Counter(line.kind for bill in bills for line in bill.lines)
    told = Counter(told for customer in customers for told in customer.told)
    ends = Counter(life.status for life in lives)
    return f"{len(lives)} subscriptions, {len(bills)} invoices, {dict(kinds)}, {dict(told)}, {dict(ends)}"
