"""manage.py demo_year: a year in a moment, with real charges at a simulator."""

import io

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from billing.models import Subscription
from payments.tests.simulator import connected_simulator
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def movable_clock(settings: LazySettings) -> None:
    """Business time can be moved forward."""
    settings.TEST_CLOCK = True


@pytest.mark.usefixtures("movable_clock")
def test_a_year_goes_by_and_its_invoices_are_printed() -> None:
    """Thirteen of them, all paid; the upgrade credits half of the first plan's period; the books balance."""
    printed = io.StringIO()
    with connected_simulator(timeout_seconds=5):
        call_command("demo_year", stdout=printed)
    told = printed.getvalue()
    subscription = Subscription.objects.get()
    assert (subscription.status, subscription.period) == ("canceled", 12)
    assert told.count("  paid\n") == 13
    assert "Not used: Basic" in told
    assert "is past due in period 5" in told
    assert "is active again" in told
    check_invariants()


def test_without_a_test_clock_it_says_so(settings: LazySettings) -> None:
    """And begins nothing that it cannot go on with."""
    settings.TEST_CLOCK = False
    with pytest.raises(CommandError, match="TEST_CLOCK"):
        call_command("demo_year", stdout=io.StringIO())
    assert not Subscription.objects.exists()


@pytest.mark.usefixtures("movable_clock")
def test_without_a_simulator_it_names_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first payment has no end; the command ends with an explanation."""
    monkeypatch.setattr("config.management.demo.year.SETTLE_SECONDS", 0.3)
    with pytest.raises(CommandError, match="make run"):
        call_command("demo_year", stdout=io.StringIO())
