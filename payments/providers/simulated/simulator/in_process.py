"""The adapter's network replaced by a core in the same process: no sockets, no waiting, time as the caller says."""

from collections.abc import Callable

import httpx

from payments.providers.simulated.simulator import api
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.messages import request_of


class InProcessTransport(httpx.BaseTransport):
    """`SimulatedProvider(…, transport=InProcessTransport(core, now=…))`; an answer that hangs is a timeout at once."""

    def __init__(self, core: SimulatorCore, *, now: Callable[[], float]) -> None:
        """`now` returns Unix seconds."""
        self._core = core
        self._now = now

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode("ascii")
        asked = request_of(request.method, target, dict(request.headers.items()), request.read())
        answer = api.answer(self._core, asked, now=self._now())
        if answer is None:
            raise httpx.ReadTimeout("the simulator gives no answer", request=request)
        return httpx.Response(answer.status, stream=httpx.ByteStream(answer.content))
