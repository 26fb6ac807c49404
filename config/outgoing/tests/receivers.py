"""Receivers on the loopback interface that do with each connection whatever a test wants."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from config.outgoing.lookup import Resolve

Behaviour = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Receiver:
    """Counts the connections accepted and those it is done with; keeps the (head, body) of each request it has read."""

    def __init__(self, behave: Callable[["Receiver", socket.socket], None], tls: ssl.SSLContext | None) -> None:
        self.connections = 0
        self.done = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self._behave = behave
        self._tls = tls
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def read_request(self, connection: socket.socket) -> bytes | None:
        """Its body; None when no further request comes."""
        received = b""
        while b"\r\n\r\n" not in received:
            if not (data := connection.recv(65536)):
                return None
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])[b"content-length"])
        while len(body) < length:
            body += connection.recv(65536)
        self.requests.append((head, body))
        return body

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self._tls is None:
                self._behave(self, connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._behave(self, secured)
        self.done += 1


@contextlib.contextmanager
def receiving(
    behave: Callable[[Receiver, socket.socket], None], *, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    receiver = Receiver(behave, tls)
    try:
        yield receiver
    finally:
        receiver.close()


def answering(answer: bytes) -> Callable[[Receiver, socket.socket], None]:
    """Each request of a connection with the same bytes."""

    def behave(receiver: Receiver, connection: socket.socket) -> None:
        while receiver.read_request(connection) is not None:
            connection.sendall(answer)

    return behave


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def after_the_request(behave: Behaviour) -> Callable[[Receiver, socket.socket], None]:
    def serve(receiver: Receiver, connection: socket.socket) -> None:
        receiver.read_request(connection)
        behave(connection)

    return serve


def resolving(*answers: list[str]) -> Resolve:
    """A resolver that gives one answer after the other, and the last for ever."""
    left = list(answers)

    def resolve(host: str, port: object, **options: object) -> list[tuple[Any, ...]]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(_family(address), socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

    return resolve


def _family(address: str) -> int:
    return socket.AF_INET if ipaddress.ip_address(address).version == 4 else socket.AF_INET6
