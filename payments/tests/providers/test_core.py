"""The simulator's core as a whole: its seed, its dials, and what a restart or a refusal leaves."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.messages import LostAnswer, Refused
from payments.providers.simulated.simulator.store import StateInUse
from payments.providers.simulated.simulator.tokens import TOKENS
from payments.tests.providers.conftest import ACCOUNT, SECRET
from payments.tests.providers.cores import NOW, charged, refunded


def story(core: SimulatorCore) -> list[dict[str, Any]]:
    """A run with everything random turned up, and all that came of it."""
    core.dials = Dials(duplicate=0.5, reorder=0.5, drop=0.3, timeout_before=0.2, timeout_after=0.2)
    for n, token in enumerate(sorted(TOKENS) * 2):
        try:
            charged(core, token, key=f"pay_{n}")
        except LostAnswer:
            continue
    core.advance(now=NOW + 60)
    copies = core.webhooks.shown(after=0, limit=1000)
    return [*copies, *(dataclasses.asdict(charge) for charge in core.charges(limit=1000))]


def test_the_same_seed_tells_the_same_story() -> None:
    """Ids and accidents depend on the seed and the calls alone."""
    cores = [SimulatorCore(seed=seed, account=ACCOUNT, webhook_secret=SECRET) for seed in (7, 7, 8)]
    first, again, other = (story(core) for core in cores)
    assert first == again
    assert first != other
    for core in cores:
        core.close()


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Charges, keys, the queue and what was being sent are in the file; ids go on where they were."""
    state = tmp_path / "state.sqlite3"
    before = SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET, state=state)
    charge = charged(before, "tok_async")
    taken = before.webhooks.take_due(now=NOW)
    before.close()
    after = SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET, state=state)
    assert charged(after, "tok_async") == charge
    assert after.webhooks.take_due(now=NOW) == taken
    assert charged(after, key="pay_2").id != charge.id
    after.advance(now=NOW + 1)
    assert after.find_charge(charge.id).status == "succeeded"
    after.close()


def test_two_simulators_do_not_share_a_state_file(tmp_path: Path) -> None:
    """The second says so instead of breaking the first."""
    first = SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET, state=tmp_path / "state.sqlite3")
    with pytest.raises(StateInUse, match="in use"):
        SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET, state=tmp_path / "state.sqlite3")
    first.close()


def test_a_refused_request_leaves_no_trace(core: SimulatorCore) -> None:
    """Its transaction is rolled back whole."""
    charge = charged(core)
    before = json.dumps(core.webhooks.shown(after=0, limit=99))
    with pytest.raises(Refused):
        refunded(core, charge, 10**9)
    assert json.dumps(core.webhooks.shown(after=0, limit=99)) == before
    assert core.find_charge(charge.id) == charge


def test_the_dial_for_timeouts_before_does_nothing(core: SimulatorCore) -> None:
    """At 1, neither charges nor refunds get through."""
    charge = charged(core)
    core.dials = Dials(timeout_before=1)
    for act in (lambda: charged(core, key="pay_2"), lambda: refunded(core, charge)):
        with pytest.raises(LostAnswer) as lost:
            act()
        assert lost.value.done is False
    assert (len(core.charges()), core.refunds()) == (1, [])


def test_the_dial_for_timeouts_after_does_everything_once(core: SimulatorCore) -> None:
    """At 1, each answer is lost and the same key finds what was done."""
    core.dials = Dials(timeout_after=1)
    with pytest.raises(LostAnswer) as lost:
        charged(core)
    assert lost.value.done is True
    charge = charged(core)
    with pytest.raises(LostAnswer):
        refunded(core, charge)
    assert refunded(core, charge) == core.refunds()[0]
    assert core.charges_per_reference()["pay_1"]["charges"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"drop": 1.1},
        {"drop": -0.1},
        {"drop": "1"},
        {"drop": True},
        {"duplicate_copies": 1.5},
        {"no_such": 1},
        {"drop": float("nan")},
    ],
)
def test_a_dial_out_of_range_is_refused(changes: dict[str, Any]) -> None:
    """Nothing changes then."""
    with pytest.raises(ValueError, match=r"drop|duplicate_copies|no_such"):
        Dials().changed(changes)
