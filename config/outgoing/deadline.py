"""Sockets that know when a whole call must end, however slowly the other side dribbles or drinks, and how much to read.

httpcore counts its timeouts anew for every packet, so a peer that sends or takes one byte a second holds a call for
hours; and it reads "100 Continue" for as long as somebody sends it, at the cost of a whole CPU.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore


class _Limits(threading.local):
    ends_at = float("inf")
    bytes_left = float("inf")


_limits = _Limits()


@contextlib.contextmanager
def ends_after(seconds: float) -> Iterator[None]:
    """Every read and write of this thread inside the block fails with a timeout once `seconds` have passed.

    An inner block never ends later than the one around it.
    """
    outer = _limits.ends_at
    _limits.ends_at = min(outer, time.monotonic() + seconds)
    try:
        yield
    finally:
        _limits.ends_at = outer


@contextlib.contextmanager
def reads_at_most(size_bytes: int) -> Iterator[None]:
    """Reads of this thread inside the block fail with httpcore.ReadError once they have brought that much."""
    _limits.bytes_left = size_bytes
    try:
        yield
    finally:
        _limits.bytes_left = float("inf")


def remaining(timeout: float | None = None) -> float | None:
    """Seconds until this thread's call must end, or `timeout` if that is less; None outside any block and timeout."""
    left = min(_limits.ends_at - time.monotonic(), float("inf") if timeout is None else timeout)
    return None if left == float("inf") else max(0.001, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if time.monotonic() > _limits.ends_at:
            raise httpcore.ReadTimeout("the answer took too long")
        if _limits.bytes_left <= 0:
            raise httpcore.ReadError("the answer is too long")
        data = self._stream.read(max_bytes, remaining(timeout))
        _limits.bytes_left -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The stream's own write sends in a loop, with the whole timeout for each piece.
        socket = self._stream.get_extra_info("socket")
        left = memoryview(buffer)
        try:
            while left:
                if time.monotonic() > _limits.ends_at:
                    raise httpcore.WriteTimeout("the request took too long")
                socket.settimeout(remaining(timeout))
                left = left[socket.send(left) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, remaining(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.SyncBackend):
    """What httpcore dials with, for connections whose calls end as `ends_after` says."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, remaining(timeout), local_address, socket_options))
