"""POSTs to receivers that may hang, drip, lie or send without end: each costs a bounded time and a bounded memory.

Nothing is sent twice. A kept connection that its receiver has closed is noticed before anything is sent and replaced;
one that is closed while the request is on its way is an error, as nobody knows whether the receiver has acted on it.
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpcore

from config.kernel import clock
from config.outgoing import addresses, retry_after
from config.outgoing.connections import Connections
from config.outgoing.deadline import ends_after, reads_at_most, remaining
from config.outgoing.failures import FAILURES, sentence
from config.outgoing.guard import GuardedBackend
from config.outgoing.lookup import Resolve

USER_AGENT = "Quittance-Webhooks/1"
MAX_OVERHEAD_BYTES = 256 * 1024
"""Of headers, interim answers and chunk sizes; httpcore takes headers of up to 100 KiB."""
BODY_TIMEOUT_SECONDS = 2.0
"""How long the rest of an answer is waited for whose status is known."""


@dataclass(frozen=True)
class Answer:
    """What came back: a status, or else an `error`, one sentence of at most 500 characters."""

    status_code: int | None
    error: str
    body: str
    """The beginning, whatever its encoding; cut where the receiver was too slow or said too much."""
    duration_seconds: float
    retry_after_seconds: float | None


class Poster:
    """Safe to share between threads; each process gets connections of its own, as two may not talk on one."""

    def __init__(
        self,
        *,
        allow_private: bool,
        timeout_seconds: float = 15.0,
        max_answer_bytes: int = 4096,
        max_connections: int = 100,
        resolve: Resolve = socket.getaddrinfo,
    ) -> None:
        """`timeout_seconds` is for all of it: a free connection, the look-up, connecting, TLS, sending, the answer."""
        self._backend = GuardedBackend(allow_private=allow_private, resolve=resolve)
        self._tls = httpcore.default_ssl_context()
        self._timeout_seconds = timeout_seconds
        self._max_answer_bytes = max_answer_bytes
        self._max_connections = max_connections
        self._connections: dict[int, Connections] = {}

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises nothing, whatever the URL, the network or the receiver does. Redirects are answers.

        `headers` besides Host, User-Agent and Content-Length.
        """
        started = time.monotonic()
        try:
            with ends_after(self._timeout_seconds), reads_at_most(self._max_answer_bytes + MAX_OVERHEAD_BYTES):
                return self._exchange(addresses.parse(url), headers, body, started)
        except FAILURES as problem:
            return Answer(
                status_code=None,
                error=sentence(problem, timeout_seconds=self._timeout_seconds),
                body="",
                duration_seconds=time.monotonic() - started,
                retry_after_seconds=None,
            )

    def close(self) -> None:
        """Of this process; a later call opens connections again."""
        connections = self._connections.pop(os.getpid(), None)
        if connections is not None:
            connections.close()

    def _exchange(self, target: addresses.Target, headers: Mapping[str, str], body: bytes, started: float) -> Answer:
        url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        ours = {"Host": target.authority, "User-Agent": USER_AGENT, "Content-Length": str(len(body))}
        sent = [(name.encode("ascii"), value.encode("ascii")) for name, value in (ours | dict(headers)).items()]
        with (
            self._own_connections().borrowed(url.origin, timeout_seconds=remaining()) as connection,
            connection.stream("POST", url, headers=sent, content=body) as response,
        ):
            return Answer(
                status_code=response.status,
                error="",
                body=self._beginning(response).decode(errors="replace"),
                duration_seconds=time.monotonic() - started,
                retry_after_seconds=_retry_after(response),
            )

    def _beginning(self, response: httpcore.Response) -> bytes:
        """What is longer is left unread, and its connection is closed instead of drained."""
        body = bytearray()
        try:
            with ends_after(BODY_TIMEOUT_SECONDS):
                for chunk in response.iter_stream():
                    body += chunk
                    if len(body) > self._max_answer_bytes:
                        break
        except FAILURES:
            """The status has come; of the body, what has."""
        return bytes(body[: self._max_answer_bytes])

    def _own_connections(self) -> Connections:
        """Without a lock, which a fork could leave locked; what was inherited is the parent's to close."""
        new = Connections(self._backend, self._tls, max_connections=self._max_connections)
        return self._connections.setdefault(os.getpid(), new)


def _retry_after(response: httpcore.Response) -> float | None:
    for name, value in response.headers:
        if name.lower() == b"retry-after":
            return retry_after.seconds(value.decode("latin-1"), now=clock.wall())
    return None
