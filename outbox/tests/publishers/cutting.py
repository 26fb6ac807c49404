"""A line that is cut in the middle of what is said."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class CuttingProxy:
    """Passes everything on between `port` and a server, until what it was told to let through has gone through."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream = ("127.0.0.1", upstream_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._left: int | None = None
        self._loses_answer = False
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut_after(self, request_bytes: int) -> None:
        """Of what is asked from now on."""
        self._left = request_bytes

    def cut_next_answer(self) -> None:
        """It is lost, and its connection with it; the next connection is whole."""
        self._loses_answer = True

    def mend(self) -> None:
        self._left = None

    def close(self) -> None:
        _hang_up(self._listener, *self._ends)
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._ends.append(client)
                server = socket.create_connection(self._upstream)
                self._ends.append(server)
                for source, target in ((client, server), (server, client)):
                    self._threads.append(threading.Thread(target=self._pass_on, args=(source, target)))
                    self._threads[-1].start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        is_request = source.getsockname()[1] == self.port
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                allowed = self._let_through(data) if is_request else self._answered(data)
                target.sendall(allowed)
                if len(allowed) < len(data):
                    break
        _hang_up(source, target)

    def _answered(self, data: bytes) -> bytes:
        is_lost, self._loses_answer = self._loses_answer, False
        return b"" if is_lost else data

    def _let_through(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        allowed = data[: self._left]
        self._left -= len(allowed)
        return allowed


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutting(upstream_port: int) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(upstream_port)
    try:
        yield proxy
    finally:
        proxy.close()
