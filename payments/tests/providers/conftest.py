"""A simulator on a real port, adapters that talk to it, and a core with a clock that a test moves."""

from collections.abc import Iterator

import pytest

from payments.providers.simulated.adapter import SimulatedProvider
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.providers.caller import Caller
from payments.tests.providers.receivers import WebhookReceiver, receiving

SECRET = "a-secret-of-the-tests"
ACCOUNT = "acct_simulated"


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """Webhooks wait until a test sets `webhook_url`; an answer that hangs is closed soon."""
    dials = Dials(settle_seconds=0.05, hang_seconds=0.2)
    with SimulatorServer(account=ACCOUNT, webhook_secret=SECRET, seed=1, dials=dials) as server:
        yield server


@pytest.fixture
def provider(simulator: SimulatorServer) -> Iterator[SimulatedProvider]:
    adapter = provider_at(simulator.url)
    yield adapter
    adapter.close()


@pytest.fixture
def caller(simulator: SimulatorServer) -> Iterator[Caller]:
    caller = Caller(simulator)
    yield caller
    caller.connection.close()


@pytest.fixture
def receiver(simulator: SimulatorServer) -> Iterator[WebhookReceiver]:
    with receiving() as receiver:
        simulator.webhook_url = receiver.url
        yield receiver


@pytest.fixture
def core() -> Iterator[SimulatorCore]:
    simulated = SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET)
    yield simulated
    simulated.close()


def provider_at(base_url: str, *, timeout_seconds: float = 10) -> SimulatedProvider:
    return SimulatedProvider(
        name="simulated",
        account=ACCOUNT,
        base_url=base_url,
        timeout_seconds=timeout_seconds,
        webhook_secrets=[SECRET, "an-older-secret"],
    )
