"""The network between our adapter and the provider, and its accidents."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import httpx

LATENCY_SECONDS = 0.2
HANGS_SECONDS = 9.0
LOST_AFTER_SECONDS = 900
"""No network keeps a request for longer; a day later it would come to a provider that has forgotten its key."""


class Wire(httpx.BaseTransport):
    """Between the adapter and the core. Each call is a step of the process that calls, and takes time."""

    def __init__(self) -> None:
        self._transport: httpx.BaseTransport | None = None
        self._step: Callable[..., Any] = lambda *_, **__: None
        self._sleep: Callable[[float], None] = lambda _: None
        self._check: Callable[[str], None] = lambda _: None
        self._is_unfindable: Callable[[str], bool] = lambda _: False
        self._now: Callable[[], float] = lambda: 0.0
        self.delayed: list[tuple[float, httpx.Request]] = []
        """What is still under way to the provider, although its sender has given up."""

    def connect(
        self,
        transport: httpx.BaseTransport,
        *,
        step: Callable[..., Any],
        sleep: Callable[[float], None],
        check: Callable[[str], None],
        is_unfindable: Callable[[str], bool],
        now: Callable[[], float],
    ) -> None:
        """From here on it leads to `transport`; `check` hears of every call before it is made.

        `is_unfindable` says of a reference of ours that the provider's search has not heard of it yet.
        """
        self._transport, self._step, self._sleep, self._check = transport, step, sleep, check
        self._is_unfindable, self._now = is_unfindable, now
        self.delayed = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {'/'.join(request.url.path.split('/')[:3])}"
        self._check(name)

        def answer() -> httpx.Response:
            self._sleep(LATENCY_SECONDS)
            assert self._transport is not None
            return self._transport.handle_request(request)

        def lose_the_answer() -> None:
            answer()
            raise httpx.ReadError("connection reset by peer", request=request)

        faults: dict[str, Callable[[], Any]] = {"refused": _refuse, "hung": self._hang, "answer lost": lose_the_answer}
        if request.method == "POST":
            faults["delayed"] = lambda: self._delay(request)
        if "reference" in request.url.params:
            faults["answered by a stale replica"] = _nothing_found
            answer = _nothing_found if self._is_unfindable(request.url.params["reference"]) else answer
        answered: httpx.Response = self._step("provider", name, answer, faults=faults)
        self._step("provider", f"the answer to {name}", lambda: None, faults={})
        return answered

    def _delay(self, request: httpx.Request) -> None:
        """It arrives when nobody waits for it any more."""
        request.read()
        self.delayed.append((self._now(), request))
        self._hang()

    def arrive(self, n: int) -> None:
        """One of the delayed requests reaches the provider unless it is too old; its answer reaches nobody."""
        assert self._transport is not None
        sent_at, request = self.delayed.pop(n)
        if self._now() - sent_at < LOST_AFTER_SECONDS:
            with contextlib.suppress(httpx.ReadTimeout):
                self._transport.handle_request(request)

    def _hang(self) -> None:
        self._sleep(HANGS_SECONDS)
        raise httpx.ReadTimeout("no answer")


def _nothing_found() -> httpx.Response:
    """What a search says whose index is behind."""
    return httpx.Response(200, json={"data": [], "has_more": False, "next_cursor": None})


def _refuse() -> None:
    raise httpx.ConnectError("connection refused")


wire = Wire()
"""What the configured provider's adapter sends through; each world connects it to its core."""
