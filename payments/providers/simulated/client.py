"""One HTTP call to the provider, and everything that can go wrong with it as one exception."""

import dataclasses
import json
import os
import threading
from typing import Any

import httpx

from config.kernel import correlation
from config.outgoing.deadline import ends_after
from payments.providers.simulated.deadline import DeadlineTransport
from payments.providers.simulated.strict_json import NotStrictJson, parse

MAX_ANSWER_BYTES = 64 * 1024


class NoUsableAnswer(Exception):
    """Nobody can tell from what came back, if anything did, whether the provider has acted."""


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any]


class ProviderClient:
    """Safe to share between threads; each process gets connections of its own, as two may not talk on one."""

    def __init__(self, *, base_url: str, timeout_seconds: float, transport: httpx.BaseTransport | None) -> None:
        """Raises ValueError for a `base_url` that is not http(s). `transport` stands in for the network."""
        url = httpx.URL(base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(f"{base_url!r} is not the address of an HTTP service")
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._transport = transport
        self._lock = threading.Lock()
        self._clients: dict[int, httpx.Client] = {}

    def get(self, path: str, **query: str) -> Reply:
        """Raises NoUsableAnswer."""
        return self._call("GET", path, query=query, content=None, headers={})

    def post(self, path: str, body: dict[str, Any], *, key: str = "") -> Reply:
        """Raises NoUsableAnswer."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self._call("POST", path, query={}, content=json.dumps(body).encode(), headers=headers)

    def close(self) -> None:
        with self._lock:
            client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _call(
        self, method: str, path: str, *, query: dict[str, str], content: bytes | None, headers: dict[str, str]
    ) -> Reply:
        if correlation.current():
            headers = headers | {correlation.HEADER: correlation.current()}
        try:
            with (
                ends_after(self._timeout_seconds),
                self._client().stream(
                    method, self._base_url + path, params=query, content=content, headers=headers
                ) as response,
            ):
                return Reply(response.status_code, _object_in(_read(response)))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as problem:
            raise NoUsableAnswer(f"{type(problem).__name__}: {problem}"[:200]) from problem

    def _client(self) -> httpx.Client:
        with self._lock:
            client = self._clients.get(os.getpid())
            if client is None:
                # Clients inherited through a fork are kept: closing them would end the parent's TLS sessions.
                client = self._clients[os.getpid()] = self._new_client()
            return client

    def _new_client(self) -> httpx.Client:
        return httpx.Client(
            transport=self._transport or DeadlineTransport(),
            timeout=self._timeout_seconds,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "quittance"},
            follow_redirects=False,
            trust_env=False,
        )


def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NoUsableAnswer(f"HTTP {response.status_code}: the answer is longer than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _object_in(body: bytes) -> dict[str, Any]:
    document = parse(body)
    if not isinstance(document, dict):
        raise NotStrictJson("the answer is not a JSON object")
    return document
