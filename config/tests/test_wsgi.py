"""The WSGI application in the server that runs it: bodies as real clients send them."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import Any

import pytest

from config.tests.servers import granian


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with granian("config.tests.wsgi_echo:application") as port:
        yield port


def send(port: int, body: Any, headers: dict[str, str], *, chunked: bool) -> tuple[int, dict[str, Any], str]:
    """The answer, also where the server gave it and hung up before it had read the body."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            client.request("POST", "/echo", body, headers, encode_chunked=chunked)
        response = client.getresponse()
        return response.status, json.loads(response.read()), response.headers["Content-Type"]


@pytest.mark.parametrize("parts", [[], [b"{}"], [b"x" * 65_536] * 17])
def test_a_chunked_body_is_refused(port: int, parts: list[bytes]) -> None:
    """411: Django takes it for empty, and one that breaks off cannot be told from one that ended."""
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    status, document, content_type = send(port, iter(parts), headers, chunked=True)
    assert (status, document["code"], content_type) == (411, "length_required", "application/problem+json")


@pytest.mark.parametrize("sent", [b"", b"{}", b"x" * 39])
def test_a_body_that_ends_early_is_refused(port: int, sent: bytes) -> None:
    """Whoever sent half a request gets no whole one served."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n" + sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)
    assert not answer or int(answer.split(b" ")[1]) == 400
    assert b'"bytes"' not in answer


def test_a_measured_body_still_passes(port: int) -> None:
    """The usual case."""
    assert send(port, b"{}", {"Content-Type": "application/json"}, chunked=False)[:2] == (200, {"bytes": 2})


def test_a_measured_body_over_the_limit_is_a_413(port: int) -> None:
    """Announced, so refused without being read."""
    client = HTTPConnection("127.0.0.1", port, timeout=10)
    client.putrequest("POST", "/echo")
    client.putheader("Content-Length", str(1024 * 1024 + 1))
    client.endheaders()
    response = client.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (413, "payload_too_large")
    client.close()


@pytest.mark.parametrize(
    ("request_line", "statuses"),
    [
        (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", {400}),
        (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", {400}),
        (b"GET /ec%00ho HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {400}),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {404}),
        (b"GET /echo?a=%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {405}),
        (b"GET /echo HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", {400}),
        (b"nonsense\r\n\r\n", {400}),
    ],
)
def test_malformed_requests_are_refused_not_failed(port: int, request_line: bytes, statuses: set[int]) -> None:
    """Byte for byte, as no client library would send them."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request_line)
        answer = connection.recv(65_536)
    assert int(answer.split(b" ")[1]) in statuses
