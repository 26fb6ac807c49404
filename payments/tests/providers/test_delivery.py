"""Webhooks on the wire: signed, repeated until they arrive, kept over a restart."""

import json
import time
from pathlib import Path

from config.embedded.environment import free_port
from payments.providers.simulated import signing
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.providers.caller import Caller
from payments.tests.providers.conftest import ACCOUNT, SECRET
from payments.tests.providers.receivers import WebhookReceiver, receiving


def test_webhooks_arrive_signed(simulator: SimulatorServer, receiver: WebhookReceiver, caller: Caller) -> None:
    """Pending, then succeeded, each verifiable with the secret."""
    caller.charge()
    receiver.wait_for(2)
    simulator.wait_for_webhooks()
    for body, headers in receiver.received:
        signing.verify(body=body, headers=headers, secrets=[SECRET], now_timestamp=time.time())
    assert [json.loads(body)["type"] for body, _ in receiver.received] == ["charge.pending", "charge.succeeded"]


def test_an_asynchronous_charge_is_told_by_webhook(receiver: WebhookReceiver, caller: Caller) -> None:
    """Nobody has to ask."""
    assert caller.charge("tok_async")[1]["status"] == "pending"
    receiver.wait_for(2)
    assert json.loads(receiver.received[1][0])["type"] == "charge.succeeded"


def test_a_webhook_that_is_refused_comes_again(
    simulator: SimulatorServer, receiver: WebhookReceiver, caller: Caller
) -> None:
    """Until it is answered with 2xx; the same event each time."""
    receiver.status = 503
    caller.charge()
    receiver.wait_for(4)
    receiver.status = 200
    simulator.wait_for_webhooks()
    assert len({body for body, _ in receiver.received}) == 2


def test_webhooks_wait_for_a_receiver_that_is_down(simulator: SimulatorServer, caller: Caller) -> None:
    """Nobody listens, then somebody does: everything arrives."""
    port = free_port()
    simulator.webhook_url = f"http://127.0.0.1:{port}/webhooks/payment-provider"
    caller.charge()
    deadline = time.monotonic() + 5
    while not any(copy["deliveries"] for copy in caller.call("GET", "/control/webhooks")[1]["data"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with receiving(port) as receiver:
        receiver.wait_for(2)
        simulator.wait_for_webhooks()
    tries = caller.call("GET", "/control/webhooks")[1]["data"][0]["deliveries"]
    assert tries[0]["error"] == "ConnectError"
    assert tries[-1]["status_code"] == 200


def test_webhooks_survive_a_restart(tmp_path: Path) -> None:
    """What one process could not deliver the next one does."""
    state = tmp_path / "state.sqlite3"
    with SimulatorServer(account=ACCOUNT, webhook_secret=SECRET, state=state) as simulator:
        caller = Caller(simulator)
        caller.charge()
        caller.connection.close()
    with (
        receiving() as receiver,
        SimulatorServer(account=ACCOUNT, webhook_secret=SECRET, state=state, webhook_url=receiver.url),
    ):
        receiver.wait_for(2)
        assert len({body for body, _ in receiver.received}) == 2


def test_a_webhook_can_be_sent_again(simulator: SimulatorServer, receiver: WebhookReceiver, caller: Caller) -> None:
    """As many copies as asked for, over the control API."""
    caller.charge("tok_pending")
    caller.call("POST", "/control/charges/pay_1/settle", {"outcome": "succeeded"})
    receiver.wait_for(1)
    [copy] = caller.call("GET", "/control/webhooks")[1]["data"]
    assert caller.call("POST", f"/control/webhooks/{copy['id']}/resend", {"copies": 3})[0] == 200
    receiver.wait_for(4)
    assert len({body for body, _ in receiver.received}) == 1


def test_a_webhook_address_that_is_none_is_a_failed_try(simulator: SimulatorServer, caller: Caller) -> None:
    """The sender goes on."""
    simulator.webhook_url = "nonsense://["
    caller.charge()
    with receiving() as receiver:
        simulator.webhook_url = receiver.url
        receiver.wait_for(2)
        assert len({body for body, _ in receiver.received}) == 2
