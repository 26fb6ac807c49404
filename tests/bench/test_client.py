"""The thin client, against a real HTTP server."""

import http.server
import itertools
import threading
from collections.abc import Iterator

import pytest

from bench import client


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the path it was asked for; /slowly/ in two parts, /teapot with a 418."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(418 if self.path == "/teapot" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:1])
        self.wfile.flush()
        self.wfile.write(body[1:])

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def two_steps(number: int, seen: list[bytes]) -> client.Conversation:
    """The second request follows from the first answer."""
    first = client.expect(b"200", (yield client.request("GET", f"/{number}")))
    path = first.rpartition(b"\r\n\r\n")[2].decode()
    second = client.expect(b"200", (yield client.request("GET", f"{path}/again")))
    seen.append(second.rpartition(b"/")[0].rpartition(b"/")[2])


def test_every_conversation_is_finished_once(port: int) -> None:
    """What is under way when the supply ends is counted; nobody gets another one's answer."""
    seen: list[bytes] = []
    supply = itertools.chain((two_steps(number, seen) for number in range(100)), itertools.repeat(None))
    load = client.drive(port=port, conversations=lambda: next(supply), connections=7, seconds=60)
    assert load.units == 100
    assert sorted(map(int, seen)) == list(range(100))
    assert load.rate == pytest.approx(100 / load.seconds)


def test_a_load_ends_when_its_time_is_over(port: int) -> None:
    """However much there is still to do."""
    load = client.drive(
        port=port,
        conversations=lambda: client.single(client.request("GET", "/x"), b"200"),
        connections=2,
        seconds=0.2,
    )
    assert load.units > 0
    assert 0.2 <= load.seconds < 2


def test_another_status_than_expected_ends_the_run(port: int) -> None:
    """A benchmark of errors measures nothing."""
    with pytest.raises(client.Refused, match="418"):
        client.drive(
            port=port,
            conversations=lambda: client.single(client.request("GET", "/teapot"), b"200"),
            connections=1,
            seconds=60,
        )


def test_a_response_is_whole_with_the_last_byte_of_its_body() -> None:
    """Whatever the case of the header's name."""
    response = b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 5\r\n\r\nhello"
    assert not any(client.whole(response[:length]) for length in range(len(response)))
    assert client.whole(response)
