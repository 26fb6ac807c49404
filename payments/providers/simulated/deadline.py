"""An HTTP transport whose calls end in time, headers and body included, however slowly the other side dribbles.

httpx counts its read timeout anew for every packet: a peer that sends one byte a second holds such a call for hours.

httpx has no total timeout and no public place for a network backend; httpcore has one, in `ConnectionPool`. So the pool
inside httpx's transport is replaced. A transport of our own around a public pool would have to repeat httpx's private
translation of requests, answers and errors; should `_pool` ever be renamed, the first call fails with AttributeError.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx


class _Clock(threading.local):
    ends_at = float("inf")


_clock = _Clock()


@contextlib.contextmanager
def ends_after(seconds: float) -> Iterator[None]:
    """Every read and write of this thread inside the block fails with a timeout once `seconds` have passed."""
    _clock.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        _clock.ends_at = float("inf")


def _remaining(timeout: float | None) -> float:
    return max(0.001, min(_clock.ends_at - time.monotonic(), float("inf") if timeout is None else timeout))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if time.monotonic() > _clock.ends_at:
            raise httpcore.ReadTimeout("the answer took too long")
        return self._stream.read(max_bytes, _remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _remaining(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, _remaining(timeout), local_address, socket_options))


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport over sockets that know when the call must end: see `ends_after`."""

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=30,
            network_backend=_Backend(),
        )
