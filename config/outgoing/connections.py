"""Connections of one process that are kept for the next call to the same receiver.

httpcore's own pool asks every idle connection twice per call whether it is still open (5 ms of CPU at a hundred of
them), and at its limit it closes connections that another thread was given a moment before. Here whoever borrows a
connection has it alone.
"""

import collections
import contextlib
import ssl
import threading
from collections.abc import Iterator

import httpcore

KEEP_SECONDS = 4.0
"""Less than the five after which common servers (Node, Apache) close: a request that crosses that close is lost."""


class Connections:
    """Safe to share between threads, not between processes. At most `max_connections` are open, idle ones included."""

    def __init__(self, backend: httpcore.NetworkBackend, tls: ssl.SSLContext, *, max_connections: int) -> None:
        self._backend = backend
        self._max_connections = max_connections
        self._tls = tls
        self._changed = threading.Condition()
        self._borrowed = 0
        self._keep = True
        self._idle: collections.deque[httpcore.HTTPConnection] = collections.deque()

    @contextlib.contextmanager
    def borrowed(self, origin: httpcore.Origin, *, timeout_seconds: float | None) -> Iterator[httpcore.HTTPConnection]:
        """Raises httpcore.PoolTimeout when all connections are in use for that long."""
        connection = self._borrow(origin, timeout_seconds)
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """What is borrowed is closed when it comes back."""
        with self._changed:
            self._keep = False
            while self._idle:
                self._idle.popleft().close()

    def _borrow(self, origin: httpcore.Origin, timeout_seconds: float | None) -> httpcore.HTTPConnection:
        with self._changed:
            if not self._changed.wait_for(lambda: self._borrowed < self._max_connections, timeout_seconds):
                raise httpcore.PoolTimeout(f"all {self._max_connections} connections were in use")
            self._borrowed += 1
            if found := self._find(origin):
                return found
            if self._borrowed + len(self._idle) > self._max_connections:
                self._idle.popleft().close()
        return httpcore.HTTPConnection(
            origin, ssl_context=self._tls, keepalive_expiry=KEEP_SECONDS, network_backend=self._backend
        )

    def _find(self, origin: httpcore.Origin) -> httpcore.HTTPConnection | None:
        """The one used latest; those that the receiver has closed meanwhile are closed on the way."""
        for connection in reversed(tuple(self._idle)):
            if connection.can_handle_request(origin):
                self._idle.remove(connection)
                if not connection.has_expired():
                    return connection
                connection.close()
        return None

    def _give_back(self, connection: httpcore.HTTPConnection) -> None:
        with self._changed:
            self._borrowed -= 1
            if self._keep and connection.is_available():
                self._idle.append(connection)
            else:
                connection.close()
            while self._idle and self._idle[0].has_expired():
                self._idle.popleft().close()
            self._changed.notify()
