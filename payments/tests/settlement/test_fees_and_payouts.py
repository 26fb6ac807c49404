"""Fees and payouts are known from the provider's books alone: booked once each."""

import time

import pytest

from invoices.ledger import services as ledger
from invoices.models import Journal
from payments.models import SettlementLine, SettlementRun
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.tests.settlement.books import DAY, assert_nothing_differs, found, now, paid, reconcile

pytestmark = pytest.mark.django_db(transaction=True)


def balances() -> dict[str, int]:
    return {account: balance for (account, _), balance in ledger.balances().items()}


@pytest.fixture
def settled(core: SimulatorCore) -> SimulatorCore:
    """Two charges with their fees, and a payout."""
    core.dials = core.dials.changed({"fee_per_mille": 29, "fee_fixed": 30})
    for _ in range(2):
        paid()
    core.pay_out(currency="EUR", amount=2000, now=time.time())
    return core


def test_they_are_booked_once(settled: SimulatorCore) -> None:
    """And then our clearing account holds what the provider's balance says."""
    booked = [reconcile()[0].booked for _ in range(2)]
    assert booked == [3, 0]
    assert (balances()["fees"], balances()["bank"]) == (132, 2000)
    assert balances()["clearing:simulated"] == settled.balance("EUR") == 2500 - 132 - 2000
    assert Journal.objects.filter(kind__in=["fee", "payout"], invoice=None).count() == 3
    assert_nothing_differs()


def test_a_payout_that_came_back_and_a_fee_that_was_waived_are_booked_the_other_way(settled: SimulatorCore) -> None:
    """The sign says which way."""
    settled._store.execute("UPDATE transactions SET amount = -amount WHERE kind IN ('fee', 'payout')")
    reconcile()
    assert (balances()["fees"], balances()["bank"]) == (-132, -2000)
    assert_nothing_differs()


def test_a_line_that_is_kept_without_its_journal_is_booked(settled: SimulatorCore) -> None:
    """As an interrupted upgrade or a hand in the database would leave it."""
    [fee, *_] = [line for line in settled.transactions(since=0, until=time.time()) if line.kind == "fee"]
    run = SettlementRun.objects.create(
        provider="simulated", provider_account="acct_simulated", since=now() - DAY, until=now(), started_at=now()
    )
    SettlementLine.objects.create(
        kind="fee",
        provider="simulated",
        provider_account="acct_simulated",
        provider_reference=fee.reference,
        status="charged",
        amount=fee.amount,
        currency="EUR",
        booked_at=now(),
        run=run,
    )
    rehearsed = found(dry_run=True)
    assert (rehearsed.kind, rehearsed.mend) == ("unbooked", "book_line")
    difference = found()
    assert (difference.kind, difference.subject, difference.resolved_at is None) == ("unbooked", "fee", False)
    assert balances()["fees"] == 132
    assert_nothing_differs()


def test_an_amount_that_the_provider_changed_after_it_was_booked_is_left_to_staff(settled: SimulatorCore) -> None:
    """Journals are never changed; the line says what the provider says now."""
    reconcile()
    settled._store.execute("UPDATE transactions SET amount = -1900 WHERE kind = 'payout'")
    difference = found()
    assert (difference.kind, difference.expected_amount, difference.found_amount) == ("amount", -2000, -1900)
    assert (difference.mend, difference.resolved_at) == ("", None)
    assert SettlementLine.objects.get(kind="payout").amount == -1900
    assert balances()["bank"] == 2000
