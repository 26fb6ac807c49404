"""The network between our adapter and the provider, and its accidents."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx

from payments.providers.simulated.simulator.in_process import InProcessTransport

if TYPE_CHECKING:
    from tests.simulation.world import World

LATENCY_SECONDS = 0.2
HANGS_SECONDS = 9.0
LOST_AFTER_SECONDS = 900
"""No network keeps a request for longer; a day later it would come to a provider that has forgotten its key."""


class Wire(httpx.BaseTransport):
    """Between the adapter and the core. Each call is a step of the process that calls, and takes time."""

    def __init__(self) -> None:
        self._world: World
        self._transport: httpx.BaseTransport
        self.delayed: list[tuple[float, httpx.Request]] = []
        """When what is still under way to the provider was sent; its sender has given up."""

    def connect(self, world: World) -> None:
        """From here on it leads to this world's provider."""
        self._world = world
        self._transport = InProcessTransport(world.core, now=lambda: world.clock.now)
        self.delayed = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {'/'.join(request.url.path.split('/')[:3])}"
        self._world.check_call(name)

        def answer() -> httpx.Response:
            self._world.clock.pass_by(LATENCY_SECONDS)
            return self._transport.handle_request(request)

        def lose_the_answer() -> None:
            answer()
            raise httpx.ReadError("connection reset by peer", request=request)

        faults: dict[str, Callable[[], Any]] = {"refused": _refuse, "hung": self._hang, "answer lost": lose_the_answer}
        if request.method == "POST":
            faults["delayed"] = lambda: self._delay(request)
        if "reference" in request.url.params:
            faults["answered by a stale replica"] = nothing_found
            answer = nothing_found if self._world.is_unfindable(request.url.params["reference"]) else answer
        answered: httpx.Response = self._world.processes.pass_step("provider", name, answer, faults=faults)
        self._world.processes.pass_step("provider", f"the answer to {name}", lambda: None, faults={})
        return answered

    def _delay(self, request: httpx.Request) -> None:
        """It arrives when nobody waits for it any more."""
        request.read()
        self.delayed.append((self._world.clock.now, request))
        self._hang()

    def arrive(self, n: int) -> None:
        """One of the delayed requests reaches the provider unless it is too old; its answer reaches nobody."""
        sent_at, request = self.delayed.pop(n)
        if self._world.clock.now - sent_at < LOST_AFTER_SECONDS:
            with contextlib.suppress(httpx.ReadTimeout):
                self._transport.handle_request(request)

    def _hang(self) -> None:
        self._world.clock.pass_by(HANGS_SECONDS)
        raise httpx.ReadTimeout("no answer")


def nothing_found() -> httpx.Response:
    """What a search says whose index is behind; it is read as a stream."""
    page = json.dumps({"data": [], "has_more": False, "next_cursor": None}).encode()
    return httpx.Response(200, stream=httpx.ByteStream(page))


def _refuse() -> None:
    raise httpx.ConnectError("connection refused")


wire = Wire()
"""What the configured provider's adapter sends through; each world connects it to its core."""
