"""One POST against receivers of every kind: an Answer each time, in time, and never an exception."""

import datetime
import email.utils
import socket
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.embedded.environment import free_port
from config.outgoing.posting import Answer, Poster
from config.outgoing.tests.receivers import OK, Behaviour, Receiver, after_the_request, answering, receiving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def hang(connection: socket.socket) -> None:
    connection.recv(1)


def sends(data: bytes, *, then_hangs: bool = False) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(data)
        if then_hangs:
            hang(connection)

    return behave


def repeats(data: bytes, *, first: bytes = b"", every_seconds: float = 0) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(data)
            time.sleep(every_seconds)

    return behave


TOO_SLOW = {
    "hangs": hang,
    "hangs in the headers": sends(b"HTTP/1.1 200 OK\r\nX: ", then_hangs=True),
    "drips headers": repeats(b"x", first=b"HTTP/1.1 200 OK\r\nX: ", every_seconds=0.02),
    "drips headers quickly": repeats(b"x", first=b"HTTP/1.1 200 OK\r\nX: ", every_seconds=0.0002),
    "drips interim answers": repeats(b"HTTP/1.1 100 Continue\r\n\r\n", every_seconds=0.02),
}
NO_HTTP = "the answer is not HTTP: "
NO_ANSWER = {
    "endless header": (repeats(b"x" * 65536, first=b"HTTP/1.1 200 OK\r\nX: "), NO_HTTP),
    "endless headers": (repeats(b"X: y\r\n" * 9999, first=b"HTTP/1.1 200 OK\r\n"), NO_HTTP),
    "endless interim answers": (
        repeats(b"HTTP/1.1 100 X\r\n\r\n" * 99),
        "the connection broke: the answer is too long",
    ),
    "switches protocols": (sends(b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n"), NO_HTTP),
    "closes": (sends(b""), "the receiver closed the connection without an answer"),
    "closes in the headers": (sends(b"HTTP/1.1 200 OK\r\nX: "), "the receiver closed the connection without an answer"),
    "long nonsense": (sends(b"x" * 5000 + b"\r\n\r\n"), NO_HTTP),
    "nonsense": (sends(b"\x00\xff\r\n\r\n"), NO_HTTP),
    "another protocol": (sends(b"-ERR unknown command 'POST'\r\n\r\n"), NO_HTTP),
    "status out of range": (sends(b"HTTP/1.1 999999 OK\r\n\r\n"), NO_HTTP),
    "two lengths": (sends(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n")), NO_HTTP),
}
STATUS_FIRST = {
    "closes in the body": (sends(HEAD + b"ab"), "ab"),
    "breaks off a chunk": (sends(CHUNKED + b"5\r\nab"), "ab"),
    "nonsense for chunks": (sends(CHUNKED + b"2\r\nab\r\nzz\r\n"), "ab"),
    "endless chunk sizes": (sends(CHUNKED + b"2\r\nab\r\n" + b"1;" + b"x" * 200_000), "ab"),
    "no UTF-8": (sends(b"HTTP/1.1 200 OK\r\n\r\n\xff\x00"), "\ufffd\x00"),
    "no length": (sends(b"HTTP/1.0 200 OK\r\n\r\nab"), "ab"),
}


def test_a_request_arrives_as_it_was_given(poster: Poster) -> None:
    """Target, Host, our User-Agent, the caller's headers and the body."""
    with receiving(answering(OK)) as receiver:
        answer = poster.post(f"{receiver.url}?a=b", headers={"X-Webhook-Id": "evt_1"}, body=b"{}")
    assert (answer.status_code, answer.error, answer.body, answer.retry_after_seconds) == (200, "", "ok", None)
    assert 0 < answer.duration_seconds < 10
    ((head, body),) = receiver.requests
    assert head.split(b"\r\n") == [
        b"POST /hook?a=b HTTP/1.1",
        b"Host: 127.0.0.1:%d" % receiver.port,
        b"User-Agent: Quittance-Webhooks/1",
        b"Content-Length: 2",
        b"X-Webhook-Id: evt_1",
    ]
    assert body == b"{}"


@pytest.mark.parametrize("status", [204, 301, 307, 410, 429, 500])
def test_every_status_is_an_answer(poster: Poster, status: int) -> None:
    """A redirect too: it is not followed."""
    with receiving(answering(b"HTTP/1.1 %d X\r\nLocation: /hook\r\nContent-Length: 0\r\n\r\n" % status)) as receiver:
        assert poster.post(receiver.url, headers={}, body=b"").status_code == status
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("behaviour", TOO_SLOW)
def test_a_receiver_that_is_too_slow_is_an_error(hasty: Poster, behaviour: str) -> None:
    """When the time is over, however much it may still say."""
    with receiving(after_the_request(TOO_SLOW[behaviour])) as receiver:
        assert _timed(hasty, receiver).error == "no answer within 0.2 s"


@pytest.mark.parametrize("behaviour", NO_ANSWER)
def test_a_receiver_without_an_answer_is_an_error(poster: Poster, behaviour: str) -> None:
    """At once, with one sentence that says what happened."""
    behave, error = NO_ANSWER[behaviour]
    with receiving(after_the_request(behave)) as receiver:
        answer = poster.post(receiver.url, headers={}, body=b"{}")
    assert answer.status_code is None
    assert answer.error.startswith(error)
    assert answer.error.isprintable()
    assert len(answer.error) <= 500


@pytest.mark.parametrize("behaviour", STATUS_FIRST)
def test_a_status_counts_whatever_becomes_of_the_body(poster: Poster, behaviour: str) -> None:
    """What came of the body is kept."""
    behave, body = STATUS_FIRST[behaviour]
    with receiving(after_the_request(behave)) as receiver:
        answer = poster.post(receiver.url, headers={}, body=b"{}")
    assert (answer.status_code, answer.error, answer.body) == (200, "", body)


def test_a_body_is_waited_for_two_seconds(poster: Poster) -> None:
    """However much time is left, whether it hangs or drips."""
    drips = after_the_request(repeats(b"x", first=HEAD, every_seconds=0.02))
    hangs = after_the_request(sends(HEAD + b"x", then_hangs=True))
    with receiving(drips) as one, receiving(hangs) as two, ThreadPoolExecutor(2) as threads:
        for answer in threads.map(lambda receiver: poster.post(receiver.url, headers={}, body=b""), (one, two)):
            assert (answer.status_code, answer.error, set(answer.body)) == (200, "", {"x"})
            assert 1.9 < answer.duration_seconds < 3


@pytest.mark.parametrize("first", [HEAD, b"HTTP/1.1 200 OK\r\n\r\n"])
def test_gigabytes_are_not_read(poster: Poster, first: bytes) -> None:
    """Four KiB are kept, and the connection is closed after as much as fits into a few buffers."""
    sent = 0

    def behave(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(first)
        while True:
            connection.sendall(b"x" * 65536)
            sent += 65536

    with receiving(after_the_request(behave)) as receiver:
        tracemalloc.start()
        answer = poster.post(receiver.url, headers={}, body=b"")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (answer.status_code, answer.body) == (200, "x" * 4096)
    assert answer.duration_seconds < 1.5
    assert peak < 1_000_000
    assert sent < 20_000_000


def test_a_receiver_that_does_not_read_ends_in_time(hasty: Poster) -> None:
    """Neither one that takes nothing nor one that takes a little at a time."""
    over = threading.Event()

    def ignore(receiver: Receiver, connection: socket.socket) -> None:
        over.wait(10)

    def sip(receiver: Receiver, connection: socket.socket) -> None:
        while connection.recv(8192):
            over.wait(0.0005)

    for behave in (ignore, sip):
        over.clear()
        with receiving(behave) as receiver:
            answer = _timed(hasty, receiver, body=b"x" * 20_000_000)
            over.set()
        assert answer.error == "the receiver did not take the request within 0.2 s"


@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", CHUNKED]))
@settings(max_examples=60, deadline=None)
def test_no_bytes_at_all_raise(poster: Poster, data: bytes, first: bytes) -> None:
    """A status or an error, never both."""
    with receiving(after_the_request(sends(first + data))) as receiver:
        answer = poster.post(receiver.url, headers={}, body=b"")
    assert (answer.status_code is None) == bool(answer.error)
    assert len(answer.error) <= 500


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://127.0.0.1/", "http:// or https://"),
        ("http://user@127.0.0.1/", "credentials"),
        ("http://[::1", "cannot be read"),
        ("", "http:// or https://"),
    ],
)
def test_a_url_that_leads_nowhere_is_an_error(poster: Poster, url: str, error: str) -> None:
    """As it may have been stored before it was checked."""
    answer = poster.post(url, headers={}, body=b"")
    assert answer.status_code is None
    assert error in answer.error


def test_nobody_listening_is_an_error(poster: Poster) -> None:
    """With the system's own words."""
    answer = poster.post(f"http://127.0.0.1:{free_port()}/", headers={}, body=b"")
    assert (answer.status_code, answer.error) == (None, "no connection: Connection refused")


def test_a_header_that_cannot_be_sent_is_an_error(poster: Poster) -> None:
    """Nothing of it reaches the receiver: no second request hides in a header."""
    with receiving(answering(OK)) as receiver:
        for value in ("\u00e9", "a\r\nX: y", "a\nb"):
            assert poster.post(receiver.url, headers={"X-Y": value}, body=b"").error.startswith("not sent: ")
    assert receiver.requests == []


def test_retry_after_is_read_by_the_wall_clock(poster: Poster) -> None:
    """In seconds or as a date, with any status."""
    at = email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60), usegmt=True)
    for value, low, high in (("7", 7, 7), (at, 57, 60)):
        answer = b"HTTP/1.1 503 X\r\nretry-AFTER: %b\r\nContent-Length: 0\r\n\r\n" % value.encode()
        with receiving(answering(answer)) as receiver:
            seconds = poster.post(receiver.url, headers={}, body=b"").retry_after_seconds
        assert seconds is not None
        assert low <= seconds <= high


def _timed(poster: Poster, receiver: Receiver, *, body: bytes = b"{}") -> Answer:
    """An Answer that took about the 0.2 s it was given, by the clock as by its own account."""
    started = time.monotonic()
    answer = poster.post(receiver.url, headers={}, body=body)
    assert 0.15 < answer.duration_seconds <= time.monotonic() - started < 1.2
    return answer
