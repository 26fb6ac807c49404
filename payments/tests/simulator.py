"""A provider simulator that the configured `simulated` provider talks to, over HTTP."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.test import override_settings

from payments.providers import registry
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.in_process import InProcessTransport
from payments.providers.simulated.simulator.server import SimulatorServer


@contextlib.contextmanager
def simulated_with(**options: Any) -> Iterator[None]:
    """`options` replace those of the simulated provider inside the block, and only there."""
    changed = settings.PROVIDERS | {"simulated": settings.PROVIDERS["simulated"] | options}
    registry.get("simulated").close()  # type: ignore[attr-defined]
    registry.get.cache_clear()
    try:
        with override_settings(PROVIDERS=changed):
            yield
            registry.get("simulated").close()  # type: ignore[attr-defined]
    finally:
        registry.get.cache_clear()


@contextlib.contextmanager
def simulated_in_process() -> Iterator[SimulatorCore]:
    """Inside the block the simulated provider answers without sockets and at once."""
    account = settings.PROVIDERS["simulated"]["account"]
    core = SimulatorCore(seed=1, account=account, webhook_secret="secret")
    with simulated_with(transport=InProcessTransport(core, now=time.time)):
        yield core
    core.close()


@contextlib.contextmanager
def connected_simulator(*, timeout_seconds: float = 0.5) -> Iterator[SimulatorServer]:
    """A running simulator; calls to it give up after `timeout_seconds`."""
    configured = settings.PROVIDERS["simulated"]
    with (
        SimulatorServer(account=configured["account"], webhook_secret=configured["webhook_secrets"][0]) as server,
        simulated_with(base_url=server.url, timeout_seconds=timeout_seconds),
    ):
        yield server
