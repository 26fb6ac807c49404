"""The simulator's books: fees, payouts and disputes move the balance too, and every line says what it belongs to."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.dials import Dials, InvalidDial
from payments.providers.simulated.simulator.messages import Refused
from payments.tests.providers.caller import Caller
from payments.tests.providers.conftest import ACCOUNT, SECRET
from payments.tests.providers.cores import DAY, NOW, charged, refunded


def lines(core: SimulatorCore) -> list[tuple[str, int, str]]:
    return [(line.kind, line.amount, line.status) for line in core.transactions(since=0, until=NOW + 1)]


def test_each_succeeded_charge_costs_a_fee(core: SimulatorCore) -> None:
    """A share and a fixed part; a decline costs nothing, and without the dials nothing does."""
    charged(core)
    core.dials = Dials(fee_per_mille=29, fee_fixed=30)
    charge = charged(core, key="pay_2", amount=1099)
    charged(core, "tok_declined_stolen", key="pay_3")
    assert lines(core)[1:] == [("charge", 1099, "succeeded"), ("fee", -61, "charged")]
    [fee] = [line for line in core.transactions(since=0, until=NOW + 1) if line.kind == "fee"]
    assert (fee.our_reference, fee.charge) == ("pay_2", charge.id)


def test_a_dispute_withdraws_its_amount_until_it_is_won(core: SimulatorCore) -> None:
    """One lost has no line of its own: the money has left already."""
    for key, outcome in (("pay_1", "won"), ("pay_2", "lost")):
        dispute = core.open_dispute(charged(core, key=key).id, amount=400, now=NOW)
        core.close_dispute(dispute.id, outcome=outcome, now=NOW)  # type: ignore[arg-type]
    assert [line for line in lines(core) if line[0] == "dispute"] == [
        ("dispute", -400, "opened"),
        ("dispute", 400, "won"),
        ("dispute", -400, "opened"),
    ]


def test_a_dispute_says_why_and_until_when_evidence_is_taken(core: SimulatorCore) -> None:
    """Seven days, unless the dial says otherwise, in every webhook about it."""
    charge = charged(core)
    dispute = core.open_dispute(charge.id, amount=None, reason="product_not_received", now=NOW)
    core.close_dispute(dispute.id, outcome="lost", now=NOW)
    told: list[Any] = [copy["body"]["data"] for copy in core.webhooks.shown(after=2, limit=9)]
    due_at = {data["evidence_due_at"] for data in told}
    assert [data["reason"] for data in told] == ["product_not_received"] * 2
    assert (dispute.evidence_due_at, len(due_at)) == (NOW + 7 * DAY, 1)
    assert dispute.shown(account=ACCOUNT)["evidence_due_at"] in due_at


def test_the_balance_is_paid_out_in_whole_or_in_part(core: SimulatorCore) -> None:
    """Never more than there is, and each currency by itself."""
    charge = charged(core)
    refunded(core, charge, 300)
    charged(core, key="pay_2", currency="USD")
    assert core.pay_out(currency="EUR", amount=200, now=NOW).amount == -200
    assert core.pay_out(currency="EUR", amount=None, now=NOW).amount == -500
    for amount in (None, 1):
        with pytest.raises(Refused, match="There are 0 EUR"):
            core.pay_out(currency="EUR", amount=amount, now=NOW)
    assert (core.balance("EUR"), core.balance("USD")) == (0, 1000)


def test_payouts_and_reasons_are_given_over_http(caller: Caller) -> None:
    """As an operator of a demonstration would."""
    caller.charge()
    _, dispute = caller.call("POST", "/control/charges/pay_1/dispute", {"amount": 100, "reason": "duplicate"})
    assert dispute["reason"] == "duplicate"
    assert caller.call("POST", "/control/payouts", {"currency": "EUR", "amount": 901})[0] == 400
    _, payout = caller.call("POST", "/control/payouts", {"currency": "EUR"})
    assert (payout["kind"], payout["amount"], payout["charge"]) == ("payout", -900, None)
    listed = caller.call("GET", "/v1/transactions")[1]["data"]
    assert [line["kind"] for line in listed] == ["charge", "dispute", "payout"]


def test_fees_and_evidence_have_bounds() -> None:
    """A dial that nobody can mean is refused."""
    assert Dials(evidence_seconds=30 * DAY).evidence_seconds == 30 * DAY
    for changes in ({"fee_per_mille": 2.9}, {"fee_fixed": -1}, {"evidence_seconds": 400 * DAY}):
        with pytest.raises(InvalidDial):
            Dials().changed(changes)


def test_state_files_of_older_simulators_are_read(tmp_path: Path) -> None:
    """They lack what disputes and lines have learned to say since."""
    path = tmp_path / "state"
    core = SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET, state=path)
    charged(core)
    core.close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE transactions DROP COLUMN charge")
        connection.execute("ALTER TABLE disputes DROP COLUMN reason")
    connection.close()
    core = SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET, state=path)
    assert [line.charge for line in core.transactions(since=0, until=NOW + 1)] == [""]
    assert core.open_dispute("pay_1", amount=None, now=NOW).reason == "fraudulent"
    core.close()
