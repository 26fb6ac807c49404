"""The provider's simulator in this process, without sockets: each call to it is a point of the actor that makes it."""

import contextlib
import time
from collections.abc import Iterator

import httpx
from django.conf import settings

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.in_process import InProcessTransport
from payments.tests.simulator import simulated_with
from tests.interleavings.actors import arrive


class HaltingTransport(httpx.BaseTransport):
    """Arrives before the core does what it is asked for."""

    def __init__(self, core: SimulatorCore) -> None:
        self._core = InProcessTransport(core, now=time.time)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        collection = request.url.path.split("/")[2]
        arrive(f"{request.method} {collection}")
        return self._core.handle_request(request)


@contextlib.contextmanager
def connected_core() -> Iterator[SimulatorCore]:
    """A provider that works, and sends its webhooks when it is told to."""
    configured = settings.PROVIDERS["simulated"]
    core = SimulatorCore(seed=5, webhook_secret=configured["webhook_secrets"][0], account=configured["account"])
    try:
        with simulated_with(transport=HaltingTransport(core)):
            yield core
    finally:
        core.close()
