"""A trial balance over three days whose journals are known one by one."""

import datetime

import pytest

from invoices.ledger import trial_balance
from invoices.ledger.models import Entry, Journal, JournalKind
from invoices.ledger.trial_balance import Row

pytestmark = pytest.mark.django_db
FIRST, SECOND, THIRD, FOURTH = (datetime.date(2026, 3, day) for day in (1, 2, 3, 4))


def book(on: datetime.date, hour: int, **entries: int) -> None:
    recorded_at = datetime.datetime.combine(on, datetime.time(hour), tzinfo=datetime.UTC)
    source = f"{on}-{hour}"
    journal = Journal.objects.create(kind=JournalKind.CAPTURE, source=source, recorded_at=recorded_at)
    for account, amount in entries.items():
        Entry.objects.create(journal=journal, account=account, amount=amount, currency="EUR")


@pytest.fixture(autouse=True)
def _three_days() -> None:
    book(FIRST, 23, bank=100, unapplied=-100)
    book(SECOND, 0, bank=30, unapplied=-30)
    book(SECOND, 12, bank=30, unapplied=-30)
    book(SECOND, 23, unapplied=160, receivable=-160)
    book(THIRD, 0, bank=-5, fees=5)
    book(THIRD, 1, fees=1, unapplied=-1)


def test_a_day_has_what_was_booked_from_midnight_to_midnight_and_how_its_end_stood() -> None:
    """An account that has come to nothing is listed for what was booked on it, with a balance of nothing."""
    assert trial_balance.of_day(SECOND) == [
        Row("EUR", "bank", debits=60, credits=0, balance=160),
        Row("EUR", "receivable", debits=0, credits=-160, balance=-160),
        Row("EUR", "unapplied", debits=160, credits=-60, balance=0),
    ]


def test_a_day_lists_what_was_not_booked_on_but_has_a_balance() -> None:
    """And not what came to nothing before it, nor what is booked later."""
    assert trial_balance.of_day(THIRD) == [
        Row("EUR", "bank", debits=0, credits=-5, balance=155),
        Row("EUR", "fees", debits=6, credits=0, balance=6),
        Row("EUR", "receivable", debits=0, credits=0, balance=-160),
        Row("EUR", "unapplied", debits=0, credits=-1, balance=-1),
    ]
    assert trial_balance.of_day(FIRST) == [
        Row("EUR", "bank", debits=100, credits=0, balance=100),
        Row("EUR", "unapplied", debits=0, credits=-100, balance=-100),
    ]


def test_a_day_can_be_had_without_balances() -> None:
    """Then only what was booked on it is listed."""
    assert trial_balance.of_day(THIRD, with_balance=False) == [
        Row("EUR", "bank", debits=0, credits=-5, balance=None),
        Row("EUR", "fees", debits=6, credits=0, balance=None),
        Row("EUR", "unapplied", debits=0, credits=-1, balance=None),
    ]


def test_the_whole_is_all_that_was_ever_booked() -> None:
    """By account, debits and credits apart."""
    assert trial_balance.whole() == [
        Row("EUR", "bank", debits=160, credits=-5, balance=155),
        Row("EUR", "fees", debits=6, credits=0, balance=6),
        Row("EUR", "receivable", debits=0, credits=-160, balance=-160),
        Row("EUR", "unapplied", debits=160, credits=-161, balance=-1),
    ]


@pytest.mark.parametrize(("on", "later"), [(FIRST, 5), (SECOND, 2), (THIRD, 0), (FOURTH, 0)])
def test_the_journals_after_a_day_are_counted_from_its_midnight(on: datetime.date, later: int) -> None:
    """One that is booked at midnight belongs to the day that begins."""
    assert trial_balance.journals_after(on, at_most=10) == later
    assert trial_balance.journals_after(on, at_most=2) == min(later, 2)
