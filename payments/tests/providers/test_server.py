"""The simulator as an HTTP server: connections, malformed and hanging ones among them."""

import socket
import threading
import time
import urllib.parse

import pytest

from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.providers.caller import Caller
from payments.tests.providers.conftest import ACCOUNT, SECRET


def test_many_requests_use_one_connection(simulator: SimulatorServer, caller: Caller) -> None:
    """Good ones and bad ones, as long as their bodies were read."""
    for n in range(20):
        assert caller.charge(key=f"pay_{n}")[0] == 200
        assert caller.call("POST", "/v1/charges", raw=b"{")[0] == 400
        assert caller.call("GET", "/nothing")[0] == 404
    assert simulator.connections_accepted == 1


def raw_answer(simulator: SimulatorServer, request: bytes) -> bytes:
    address = urllib.parse.urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET\r\n\r\n", b"400"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"POST /v1/charges HTTP/1.1\r\n\r\n", b"411"),
        (b"POST /v1/charges HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST /v1/charges HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", b"411"),
        (b"POST /v1/charges HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /v1/charges HTTP/1.1\r\nContent-Length: ten\r\n\r\n", b"400"),
        (b"POST /v1/charges HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", b"400"),
        (b"POST /v1/charges HTTP/1.1\r\nContent-Length: 99\r\n\r\n{}", b"400"),
        (b"POST /v1/charges HTTP/1.1\r\nContent-Length: 65537\r\n\r\n{}", b"413"),
        (b"POST /v1/charges HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}", b"413"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
    ],
)
def test_malformed_http_is_refused(simulator: SimulatorServer, request_: bytes, status: bytes) -> None:
    """A 4xx or 505 as JSON, and the server goes on."""
    answer = raw_answer(simulator, request_)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b'"error"' in answer
    assert raw_answer(simulator, b"GET /control/health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_hanging_answer_ends_when_the_caller_leaves(simulator: SimulatorServer) -> None:
    """Nothing comes back, and no thread of the server waits for the dial."""
    simulator.core.dials = Dials(hang_seconds=3600)
    caller = Caller(simulator)
    caller.connection.timeout = 0.2
    with pytest.raises(TimeoutError):
        caller.charge("tok_timeout_after")
    assert simulator.core.charges_per_reference() == {"pay_1": {"charges": 1, "succeeded": 1}}
    caller.connection.close()
    deadline = time.monotonic() + 5
    while any("process_request_thread" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_taken_port_is_told(simulator: SimulatorServer) -> None:
    """By the error that the system gives."""
    port = urllib.parse.urlsplit(simulator.url).port
    assert port is not None
    with pytest.raises(OSError, match="in use"):
        SimulatorServer(account=ACCOUNT, webhook_secret=SECRET, port=port)
