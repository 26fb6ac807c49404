import contextlib
import os
import subprocess
import sys
import time

import httpx
import pytest

from config.embedded.journey import Player
from tests.architecture.source import ROOT
from tests.embedded.conftest import StartRun
from tests.embedded.runs import Run, processes_named, until

SETTLE_SECONDS = 150


@pytest.mark.timeout(400)
@pytest.mark.long
@pytest.mark.parametrize(("points", "test_clock"), [(3, "true"), pytest.param(10, "false", id="10-real-time")])
def test_scar_a_worker_killed_at_any_point_loses_no_payment_and_charges_none_twice(
    start: StartRun, points: int, test_clock: str
) -> None:
    """SIGKILL of the worker, which also relays, at moments of its work: every invoice ends paid by one charge."""
    run = start(TEST_CLOCK=test_clock).wait_until_ready()
    with contextlib.closing(_player(run)) as player:
        payments = _pay_and_kill(run, player, points=points)
        if test_clock == "true":
            _let_leases_end(run)
        deadline = time.monotonic() + SETTLE_SECONDS
        for invoice_id in payments.values():
            paid = player.wait_until_paid(invoice_id, timeout_seconds=max(1, deadline - time.monotonic()))
            assert paid["amount_paid"] == paid["amount"]
    charged = _charges(run)
    assert {payment: charged[payment]["charges"] for payment in payments} == dict.fromkeys(payments, 1)


def _player(run: Run) -> Player:
    known = run.credentials
    return Player(base_url=known["base_url"], api_key=known["api_key"], webhook_secret=known["webhook_secret"])


def _pay_and_kill(run: Run, player: Player, *, points: int) -> dict[str, str]:
    """Two payments before each kill, at `points` moments of half a second: {payment: invoice}."""
    made: dict[str, str] = {}
    interrupted = 0
    for point in range(points):
        assert until(lambda: _is_ready(run), seconds=30), run.logs()
        both = [player.create_invoice(amount=1000 + point, currency="EUR")["id"] for _ in range(2)]
        made |= {player.pay(invoice, payment_method="tok_visa")["id"]: invoice for invoice in both}
        time.sleep(point * 0.5 / points)
        for each in processes_named(run.data_dir, "worker"):
            each.kill()
        interrupted += sum(player.invoice(each)["payments"][0]["status"] != "succeeded" for each in both)
    assert interrupted > 0, "no kill came while a payment was on its way"
    return made


def _let_leases_end(run: Run) -> None:
    """By the clock of the run, which would take a minute."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "DATABASE_URL": f"sqlite:///{run.data_dir / 'quittance.sqlite3'}",
        "REDIS_URL": "",
        "TEST_CLOCK": "true",
    }
    subprocess.run(
        [sys.executable, "manage.py", "advance_clock", "--minutes", "2"], cwd=ROOT, env=environment, check=True
    )


def _is_ready(run: Run) -> bool:
    """Whether as many workers as were started have said that they are ready."""
    log = (run.data_dir / "logs" / "worker.log").read_text(errors="replace")
    ended = run.output.count("worker was ended by")
    return bool(processes_named(run.data_dir, "worker")) and log.count(" ready.") > ended


def _charges(run: Run) -> dict[str, dict[str, int]]:
    """How many charges the simulator has made for each payment: {reference: {"charges", "succeeded"}}."""
    url = next(
        line.partition("=")[2]
        for line in (run.data_dir / "env").read_text().splitlines()
        if line.startswith("SIMULATOR_URL")
    )
    found: dict[str, dict[str, int]] = httpx.get(f"{url}/control/charges", trust_env=False).json()["per_reference"]
    return found
