"""A thin HTTP client: one thread, keep-alive sockets, requests prepared as bytes, answers hardly looked at.

What it costs is measured too (`Load.client_cpu`): it shares the machine with what it measures.
"""

import contextlib
import dataclasses
import itertools
import random
import selectors
import socket
import time
from collections.abc import Callable, Generator

TIMEOUT_SECONDS = 30
Conversation = Generator[bytes, bytes, None]
"""Yields a request, is sent the whole response, and so on; its end is one unit of work."""


_run = "".join(random.choices("abcdefghjkmnpqrstvwxyz", k=16))
_numbers = itertools.count(1)


def fresh_key() -> str:
    """An Idempotency-Key nobody has used. Few digits: sixteen in a row may be taken for a card number."""
    return f"{_run}-{next(_numbers)}"


class Refused(Exception):
    """A response that was not what the conversation expected."""


@dataclasses.dataclass(frozen=True)
class Load:
    """What was done in `seconds`; `client_cpu` is the client's share of one core.

    `settled` is the share of its payments that had succeeded when the load ended; None where nobody settles them.
    """

    units: int
    seconds: float
    client_cpu: float
    settled: float | None = None

    @property
    def rate(self) -> float:
        return self.units / self.seconds


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of one request; header names are written with underscores."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def expect(status: bytes, response: bytes) -> bytes:
    """`response` if it has this status. Raises Refused."""
    if response[9:12] != status:
        raise Refused(response[:2000].decode(errors="replace"))
    return response


def single(sent: bytes, status: bytes) -> Conversation:
    """One request that must be answered with `status`."""
    expect(status, (yield sent))


def drive(*, port: int, conversations: Callable[[], Conversation | None], connections: int, seconds: float) -> Load:
    """Keep `connections` busy for `seconds`, or until `conversations()` has no more; what is under way then ends."""
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(contextlib.closing(_Connection(port, selector))) for _ in range(connections)]
        started, cpu = time.perf_counter(), time.process_time()
        deadline = started + seconds
        busy = sum(connection.begin(conversations) for connection in idle)
        units = 0
        while busy:
            answered = selector.select(TIMEOUT_SECONDS)
            if not answered:
                raise Refused(f"{busy} requests without an answer for {TIMEOUT_SECONDS} s")
            for key, _ in answered:
                if not key.data.receive():
                    continue
                units += 1
                if time.perf_counter() >= deadline or not key.data.begin(conversations):
                    busy -= 1
        elapsed = time.perf_counter() - started
        return Load(units, elapsed, (time.process_time() - cpu) / elapsed)


class _Connection:
    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._conversation: Conversation | None = None
        selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self) -> None:
        self.socket.close()

    def begin(self, conversations: Callable[[], Conversation | None]) -> bool:
        self._conversation = conversations()
        if self._conversation is not None:
            self.socket.sendall(next(self._conversation))
        return self._conversation is not None

    def receive(self) -> bool:
        """Whether the conversation has ended."""
        assert self._conversation is not None
        chunk = self.socket.recv(65536)
        if not chunk:
            raise Refused("the server closed the connection")
        self._received += chunk
        if not whole(self._received):
            return False
        response, self._received = self._received, b""
        try:
            self.socket.sendall(self._conversation.send(response))
        except StopIteration:
            return True
        return False


def whole(response: bytes) -> bool:
    """Whether all of it is there: head, and as much body as its Content-Length says."""
    head, separator, body = response.partition(b"\r\n\r\n")
    if not separator:
        return False
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        raise Refused(f"no Content-Length: {head!r}")
    length = lowered[at + 17 :].partition(b"\r\n")[0]
    return len(body) >= int(length)


def exchange(connection: socket.socket, sent: bytes) -> bytes:
    """One request and its response on a connection of the caller's."""
    connection.sendall(sent)
    received = b""
    while not whole(received):
        chunk = connection.recv(65536)
        if not chunk:
            raise Refused("the server closed the connection")
        received += chunk
    return received
