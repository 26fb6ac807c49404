"""Connections that are kept: used again, never by two at once, never across a fork, never beyond their limit."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.outgoing.deadline import ends_after
from config.outgoing.posting import Answer, Poster
from config.outgoing.tests.receivers import OK, Receiver, answering, receiving, wait_until

LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000


def late(release: threading.Event) -> Callable[[Receiver, socket.socket], None]:
    """Answers that wait for `release`."""

    def behave(receiver: Receiver, connection: socket.socket) -> None:
        while receiver.read_request(connection) is not None:
            release.wait(10)
            connection.sendall(OK)

    return behave


def test_a_connection_is_used_again(poster: Poster) -> None:
    """As long as neither side has closed it."""
    with receiving(answering(OK)) as receiver:
        for _ in range(5):
            assert _post(poster, receiver).status_code == 200
    assert (receiver.connections, len(receiver.requests)) == (1, 5)


@pytest.mark.parametrize("answer", [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), LONG])
def test_a_connection_that_cannot_be_used_again_is_not(poster: Poster, answer: bytes) -> None:
    """Neither one that its receiver announces to close nor one with a long answer that nobody wants to read."""
    with receiving(answering(answer)) as receiver:
        for _ in range(2):
            assert _post(poster, receiver).status_code == 200
    assert receiver.connections == 2


def test_a_kept_connection_that_was_closed_is_replaced(poster: Poster) -> None:
    """Without an error, and without sending anything twice."""
    close = threading.Event()

    def behave(receiver: Receiver, connection: socket.socket) -> None:
        receiver.read_request(connection)
        connection.sendall(OK)
        close.wait(10)

    with receiving(behave) as receiver:
        assert _post(poster, receiver).status_code == 200
        close.set()
        wait_until(lambda: receiver.done == 1)
        assert _post(poster, receiver).status_code == 200
    assert (receiver.connections, len(receiver.requests)) == (2, 2)


def test_a_connection_closed_on_the_request_is_an_error(poster: Poster) -> None:
    """Nobody knows whether the receiver has acted on it, so it is not sent again here."""

    def behave(receiver: Receiver, connection: socket.socket) -> None:
        receiver.read_request(connection)
        connection.sendall(OK)
        receiver.read_request(connection)

    with receiving(behave) as receiver:
        assert _post(poster, receiver).status_code == 200
        assert _post(poster, receiver).error == "the receiver closed the connection without an answer"
    assert (receiver.connections, len(receiver.requests)) == (1, 2)


def test_fifty_threads_share_a_few_connections() -> None:
    """To several receivers, with more threads than connections: each gets the answer to its own request."""
    poster = Poster(allow_private=True, timeout_seconds=20, max_connections=7)

    def echo(receiver: Receiver, connection: socket.socket) -> None:
        while (body := receiver.read_request(connection)) is not None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with receiving(echo) as one, receiving(echo) as two, receiving(echo) as three:
        receivers = [one, two, three]

        def post(number: int) -> tuple[str, str]:
            answer = poster.post(receivers[number % 3].url, headers={}, body=b"%d" % number)
            return answer.error, answer.body

        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(post, range(200)))
        poster.close()
    assert answers == [("", str(number)) for number in range(200)]
    assert sum(len(each.requests) for each in receivers) == 200


def test_idle_connections_make_room(poster_of_two: Poster) -> None:
    """The one that has been idle longest is closed for a receiver that has none."""
    with receiving(answering(OK)) as one, receiving(answering(OK)) as two, receiving(answering(OK)) as three:
        for receiver in (one, two, three, three, two):
            assert _post(poster_of_two, receiver).status_code == 200
        wait_until(lambda: one.done == 1)
        assert [each.connections for each in (one, two, three)] == [1, 1, 1]
        assert [each.done for each in (one, two, three)] == [1, 0, 0]


def test_busy_connections_are_waited_for(poster_of_two: Poster) -> None:
    """As long as there is time; then it is an error that says so."""
    release = threading.Event()
    with receiving(late(release)) as receiver, ThreadPoolExecutor(3) as threads:
        holding = [threads.submit(_post, poster_of_two, receiver) for _ in range(2)]
        wait_until(lambda: len(receiver.requests) == 2)
        with ends_after(0.1):
            assert _post(poster_of_two, receiver).error.startswith("not sent: all 2 connections were in use")
        waiting = threads.submit(_post, poster_of_two, receiver)
        release.set()
        assert [each.result().status_code for each in (*holding, waiting)] == [200, 200, 200]
        assert receiver.connections == 2


def test_a_child_process_opens_connections_of_its_own(poster: Poster) -> None:
    """And leaves the parent's usable."""
    with receiving(answering(OK)) as receiver:
        assert _post(poster, receiver).status_code == 200
        child = os.fork()
        if child == 0:
            os._exit(0 if _post(poster, receiver).status_code == 200 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert receiver.connections == 2
        assert _post(poster, receiver).status_code == 200
        assert receiver.connections == 2


def test_a_closed_poster_works_again(poster: Poster) -> None:
    """With connections opened anew."""
    with receiving(answering(OK)) as receiver:
        for _ in range(2):
            assert _post(poster, receiver).status_code == 200
            poster.close()
        poster.close()
    assert receiver.connections == 2


def test_a_connection_in_use_is_closed_once_it_is_done(poster: Poster) -> None:
    """Closing a poster breaks nothing off and leaves nothing open."""
    release = threading.Event()
    with receiving(late(release)) as receiver, ThreadPoolExecutor(1) as threads:
        posting = threads.submit(_post, poster, receiver)
        wait_until(lambda: len(receiver.requests) == 1)
        poster.close()
        release.set()
        assert posting.result().status_code == 200
        wait_until(lambda: receiver.done == 1)


@pytest.fixture
def poster_of_two() -> Iterator[Poster]:
    poster = Poster(allow_private=True, timeout_seconds=10, max_connections=2)
    yield poster
    poster.close()


def _post(poster: Poster, receiver: Receiver) -> Answer:
    return poster.post(receiver.url, headers={}, body=b"{}")
