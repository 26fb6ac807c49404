import time
from collections.abc import Iterator

import httpx
import pytest

from config.embedded.journey import Player
from tests.embedded.conftest import StartRun
from tests.embedded.runs import Run, processes_named, until

POINTS = 10
SETTLE_SECONDS = 150


@pytest.fixture
def run(start: StartRun) -> Run:
    return start().wait_until_ready()


@pytest.fixture
def player(run: Run) -> Iterator[Player]:
    credentials = run.credentials
    player = Player(
        base_url=credentials["base_url"], api_key=credentials["api_key"], webhook_secret=credentials["webhook_secret"]
    )
    yield player
    player.close()


@pytest.mark.timeout(400)
def test_scar_a_worker_killed_at_ten_points_loses_no_payment_and_charges_none_twice(run: Run, player: Player) -> None:
    """SIGKILL of the worker, which also relays, at ten moments of its work: every invoice ends paid by one charge."""
    invoices, payments, interrupted = [], [], 0
    for point in range(POINTS):
        assert until(lambda: _is_ready(run), seconds=30), run.logs()
        for _ in range(2):
            invoice = player.create_invoice(amount=1000 + point, currency="EUR")
            invoices.append(invoice["id"])
            payments.append(player.pay(invoice["id"], payment_method="tok_visa")["id"])
        time.sleep(point * 0.05)
        for each in processes_named(run.data_dir, "worker"):
            each.kill()
        interrupted += sum(player.invoice(each)["payments"][0]["status"] != "succeeded" for each in invoices[-2:])
    assert interrupted > 0, "no kill came while a payment was on its way"
    deadline = time.monotonic() + SETTLE_SECONDS
    for invoice_id in invoices:
        paid = player.wait_until_paid(invoice_id, timeout_seconds=max(1, deadline - time.monotonic()))
        assert paid["amount_paid"] == paid["amount"]
    charged = _charges(run)
    assert {payment: charged[payment]["charges"] for payment in payments} == dict.fromkeys(payments, 1)


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
