"""What disputes did to the provider's balance beside our disputes."""

import time

import pytest

from payments.models import Dispute
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.tests.factories import tell_dispute
from payments.tests.settlement.books import assert_nothing_differs, found, paid, reconcile

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dispute_nobody_told_us_of_is_opened(core: SimulatorCore) -> None:
    """It blocks refunds from now on; its reason and due date are not in the books, which the difference says."""
    payment = paid("tok_disputed")
    difference = found()
    assert (difference.kind, difference.subject, difference.mend) == ("missing_here", "dispute", "open_dispute")
    assert difference.resolved_at
    assert "reason" in difference.detail
    dispute = Dispute.objects.get()
    assert (dispute.payment_id, dispute.amount, dispute.status) == (payment.id, 1250, "open")
    assert_nothing_differs()


def test_one_that_was_won_is_closed(core: SimulatorCore) -> None:
    """The withdrawn money is ours again."""
    there = core.open_dispute(paid().provider_reference, amount=300, now=time.time())
    found()
    core.close_dispute(there.id, outcome="won", now=time.time())
    difference = found()
    assert (difference.kind, difference.mend, difference.found_amount) == ("status", "win_dispute", 300)
    assert Dispute.objects.get().status == "won"
    assert_nothing_differs()


def test_one_that_was_opened_and_won_since_is_both(core: SimulatorCore) -> None:
    """In the order of the books."""
    there = core.open_dispute(paid().provider_reference, amount=300, now=time.time())
    core.close_dispute(there.id, outcome="won", now=time.time())
    _, told = reconcile()
    assert [difference.mend for difference in told] == ["open_dispute", "win_dispute"]
    assert Dispute.objects.get().status == "won"
    assert_nothing_differs()


def test_a_lost_one_has_no_line_of_its_own(core: SimulatorCore) -> None:
    """Only its webhook tells: the money has left already."""
    there = core.open_dispute(paid().provider_reference, amount=300, now=time.time())
    found()
    core.close_dispute(there.id, outcome="lost", now=time.time())
    assert_nothing_differs()


def test_one_that_was_won_after_we_had_heard_it_was_lost_gives_its_money_back(core: SimulatorCore) -> None:
    """Once, and it is no difference any more."""
    payment = paid()
    there = core.open_dispute(payment.provider_reference, amount=300, now=time.time())
    found()
    tell_dispute(payment, "lost", reference=there.id, amount=300, charge_reference=payment.provider_reference)
    core.close_dispute(there.id, outcome="won", now=time.time())
    difference = found()
    assert (difference.kind, difference.mend) == ("status", "win_dispute")
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.reinstated_at is None) == ("lost", False)
    assert_nothing_differs()


def test_one_over_another_amount_is_left_to_staff(core: SimulatorCore) -> None:
    """Nothing is corrected by itself."""
    paid("tok_disputed")
    found()
    core._store.execute("UPDATE transactions SET amount = -100 WHERE kind = 'dispute'")
    difference = found()
    assert (difference.kind, difference.expected_amount, difference.found_amount) == ("amount", -1250, -100)
    assert difference.resolved_at is None


@pytest.mark.parametrize("column", ["charge", "currency"])
def test_one_we_cannot_place_is_left_to_staff(core: SimulatorCore, column: str) -> None:
    """Of a charge we do not know, or in another currency than its money."""
    paid("tok_disputed")
    core._store.execute(f"UPDATE transactions SET {column} = 'USD' WHERE kind = 'dispute'")
    difference = found()
    assert (difference.kind, difference.mend, difference.resolved_at) == ("missing_here", "", None)
    assert not Dispute.objects.exists()
