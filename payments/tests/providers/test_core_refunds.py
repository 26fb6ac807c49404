"""The simulator's core: refunds and disputes."""

from typing import Any

import pytest

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.messages import Refused
from payments.tests.providers.cores import NOW, charged, events, refunded


def test_partial_refunds_add_up_to_the_charge(core: SimulatorCore) -> None:
    """Two equal partial refunds are two; one cent too many is refused; the rest can go without an amount."""
    charge = charged(core)
    first, second = refunded(core, charge, 300, key="re_1"), refunded(core, charge, 300, key="re_2")
    assert first.id != second.id
    with pytest.raises(Refused, match="Only 400"):
        refunded(core, charge, 401, key="re_3")
    assert refunded(core, charge, key="re_4").amount == 400
    with pytest.raises(Refused, match="in full"):
        refunded(core, charge, key="re_5")
    assert [line.amount for line in core.transactions(since=0, until=NOW + 1)] == [1000, -300, -300, -400]


def test_a_refund_key_used_again_finds_the_same_refund(core: SimulatorCore) -> None:
    """A repeated refund returns no money twice."""
    charge = charged(core)
    assert refunded(core, charge, 300) == refunded(core, charge, 300)
    assert core.find_charge(charge.id).amount_refunded == 300


@pytest.mark.parametrize("token", ["tok_pending", "tok_declined_stolen", "tok_disputed"])
def test_only_an_undisputed_success_is_refunded(core: SimulatorCore, token: str) -> None:
    """Anything else is refused and nothing happens."""
    charge = charged(core, token)
    with pytest.raises(Refused) as refusal:
        refunded(core, charge)
    assert refusal.value.status == 400
    assert core.refunds() == []


def test_a_refund_that_fails_gives_the_amount_back(core: SimulatorCore) -> None:
    """The charge can be refunded again, and the books show no move."""
    charge = charged(core, "tok_refund_fails")
    refund = refunded(core, charge)
    core.advance(now=NOW + 1)
    assert (refund.status, core.find_refund(refund.id).status) == ("pending", "failed")
    assert core.find_charge(charge.id).amount_refunded == 0
    assert [line.kind for line in core.transactions(since=0, until=NOW + 9)] == ["charge"]
    assert events(core)[-1] == "refund.failed"


def test_a_refund_that_fails_after_success_is_booked_back(core: SimulatorCore) -> None:
    """The money that had left comes back as a line of its own."""
    refund = refunded(core, charged(core))
    core.settle_refund(refund.id, failure_code="expired_or_canceled_card", now=NOW)
    assert sum(line.amount for line in core.transactions(since=0, until=NOW + 1)) == 1000
    assert events(core)[-2:] == ["refund.succeeded", "refund.failed"]


def test_a_refund_at_the_dashboard_has_no_reference_of_ours(core: SimulatorCore) -> None:
    """Its webhook can be matched by the charge alone."""
    charge = charged(core)
    refund = core.refund_at_dashboard("pay_1", amount=250, now=NOW)
    data = core.webhooks.shown(after=2, limit=1)[0]["body"]["data"]
    assert (data["refund"], data["reference"], data["charge"], data["amount"]) == (refund.id, None, charge.id, 250)


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_dispute_is_opened_and_closed(core: SimulatorCore, outcome: Any) -> None:
    """Each step is told once, and a closed dispute stays closed."""
    charge = charged(core)
    dispute = core.open_dispute(charge.id, amount=None, now=NOW)
    with pytest.raises(Refused):
        core.open_dispute(charge.id, amount=None, now=NOW)
    core.close_dispute(dispute.id, outcome=outcome, now=NOW)
    with pytest.raises(Refused):
        core.close_dispute(dispute.id, outcome="won", now=NOW)
    assert events(core)[-2:] == ["dispute.opened", f"dispute.{outcome}"]
