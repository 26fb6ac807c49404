"""As much of a STOMP 1.2 broker as a publisher needs: it answers CONNECT and receipts, counts SEND, keeps nothing."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator

_RECEIPT = re.compile(rb"\nreceipt:([^\n\r]+)")
TIMEOUT_SECONDS = 300


class StompServer:
    """Serves one publisher at a time on the loopback interface, from a thread."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._received = 0
        self._first_at = 0.0
        self._left_at = threading.Event()
        self._seconds = 0.0
        threading.Thread(target=self._serve, daemon=True).start()

    def session(self) -> tuple[int, float]:
        """Wait until a publisher has come, sent and disconnected: messages, seconds from the first to the farewell."""
        if not self._left_at.wait(TIMEOUT_SECONDS):
            raise TimeoutError(f"{self._received} messages after {TIMEOUT_SECONDS} s")
        self._left_at.clear()
        count, self._received = self._received, 0
        return count, self._seconds

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):
                for frame in _frames(connection):
                    self._answer(connection, frame)

    def _answer(self, connection: socket.socket, frame: bytes) -> None:
        if frame.startswith(b"SEND"):
            self._first_at = self._first_at or time.perf_counter()
            self._received += 1
        elif frame.startswith((b"CONNECT", b"STOMP")):
            connection.sendall(b"CONNECTED\nversion:1.2\n\n\x00")
        if receipt := _RECEIPT.search(frame):
            connection.sendall(b"RECEIPT\nreceipt-id:" + receipt[1] + b"\n\n\x00")
        if frame.startswith(b"DISCONNECT") and self._received:
            self._seconds, self._first_at = time.perf_counter() - self._first_at, 0.0
            self._left_at.set()


def _frames(connection: socket.socket) -> Iterator[bytes]:
    """Bodies are JSON, which holds no NUL."""
    waiting = b""
    while chunk := connection.recv(65536):
        *frames, waiting = (waiting + chunk).split(b"\x00")
        yield from (frame.lstrip(b"\r\n") for frame in frames)
