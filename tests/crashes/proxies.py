"""A network that fails: a proxy on real sockets that resets, hangs, truncates or talks nonsense, before or after the
request has gone through.
"""

import contextlib
import random
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from payments.tests.providers.broken import BROKEN, closes, resets
from payments.tests.providers.receivers import Misbehaviour

UPSTREAM_TIMEOUT_SECONDS = 20.0


class Fate(NamedTuple):
    """What becomes of one request: whether it reaches the other side, and what the caller gets for its answer."""

    name: str
    goes_through: bool
    instead: Misbehaviour


def breaks_off(connection: socket.socket, answer: bytes) -> None:
    """The caller gets the first half."""
    connection.sendall(answer[: len(answer) // 2])


def fates(ways: Mapping[str, Misbehaviour], *, before: bool = True) -> list[Fate]:
    """Each of `ways` after the request has gone through and, unless told otherwise, before as well."""
    after = [Fate(f"{name} after", True, way) for name, way in ways.items()]
    return after + ([Fate(f"{name} before", False, way) for name, way in ways.items()] if before else [])


CUTS: dict[str, Misbehaviour] = {"resets": resets, "closes": closes}
TO_PROVIDER = fates({**BROKEN, "breaks_off": breaks_off})
"""Between us and the provider everything may happen that can be told from a true answer."""
TO_US = fates(CUTS) + fates({"breaks_off": breaks_off}, before=False)
"""Between the provider and our webhooks nobody says 200 for us: that the provider would have to believe."""


class Proxy:
    """Takes HTTP at `url`; `met` counts the fates that requests have met. Whole and honest once `mend`ed.

    The fate that has been met least comes next.
    """

    def __init__(self, upstream_port: int, *, fates: Sequence[Fate], share: float, seed: int) -> None:
        """`share` of the requests meet one of `fates`."""
        self.met: Counter[str] = Counter()
        self._upstream_port = upstream_port
        self._fates, self._share = fates, share
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._serve)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def has_met_all(self) -> bool:
        return self.met.keys() == {fate.name for fate in self._fates}

    def mend(self) -> None:
        self._share = 0

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, caller: socket.socket) -> None:
        while request := _message(caller):
            fate = self._next_fate()
            answer = self._fetch(request) if fate is None or fate.goes_through else b""
            if fate is not None:
                fate.instead(caller, answer)
                return
            if not answer:
                return
            caller.sendall(answer)

    def _next_fate(self) -> Fate | None:
        with self._lock:
            if self._chance.random() >= self._share:
                return None
            fate = min(self._fates, key=lambda each: (self.met[each.name], self._chance.random()))
            self.met[fate.name] += 1
            return fate

    def _fetch(self, request: bytes) -> bytes:
        """The other side's answer; nothing when it gave none."""
        address = ("127.0.0.1", self._upstream_port)
        with contextlib.suppress(OSError), socket.create_connection(address, UPSTREAM_TIMEOUT_SECONDS) as upstream:
            upstream.sendall(request)
            return _message(upstream)
        return b""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        super().__init__(address, socketserver.BaseRequestHandler)

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        with contextlib.suppress(OSError):
            self._serve(request)

    def shutdown_request(self, request: object) -> None:
        """Closed and no more: a FIN ahead of it would be politer than a reset is."""
        assert isinstance(request, socket.socket)
        request.close()


def _message(connection: socket.socket) -> bytes:
    """One HTTP message with its body, as long as its head says; empty when the connection ends before."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := connection.recv(65536)):
            return b""
        data += part
    missing = _length(data) - len(data)
    while missing > 0 and (part := connection.recv(65536)):
        data += part
        missing -= len(part)
    return data if missing <= 0 else b""


def _length(data: bytes) -> int:
    """Bytes of head and body, by its Content-Length."""
    head, _, _ = data.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return len(head) + 4 + (int(lengths[0]) if lengths else 0)


@contextlib.contextmanager
def proxy(upstream_port: int, *, fates: Sequence[Fate], share: float, seed: int) -> Iterator[Proxy]:
    """One that ends with the block."""
    between = Proxy(upstream_port, fates=fates, share=share, seed=seed)
    try:
        yield between
    finally:
        between.close()
