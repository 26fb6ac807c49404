"""Real HTTP servers that stand at the other end: one receives webhooks, one answers whatever bytes a test wants."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DELAY = 0.01


class WebhookReceiver(ThreadingHTTPServer):
    """Answers with `status` and keeps what came: (body, headers), in order of arrival."""

    daemon_threads = False

    def __init__(self, port: int = 0) -> None:
        self.status = 200
        self.received: list[tuple[bytes, dict[str, str]]] = []
        super().__init__(("127.0.0.1", port), _Receive)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/webhooks/payment-provider"

    def wait_for(self, count: int, timeout_seconds: float = 10) -> None:
        deadline = time.monotonic() + timeout_seconds
        while len(self.received) < count:
            assert time.monotonic() < deadline, f"{len(self.received)} of {count} webhooks came"
            time.sleep(DELAY)


class _Receive(BaseHTTPRequestHandler):
    server: WebhookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((body, dict(self.headers.items())))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def receiving(port: int = 0) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(port)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


Misbehaviour = Callable[[socket.socket, bytes], None]


@contextlib.contextmanager
def misbehaving(behave: Misbehaviour) -> Iterator[str]:
    """The address of a server that reads what comes first of each request and hands it to `behave`."""
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_accept, args=(listener, behave))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _accept(listener: socket.socket, behave: Misbehaviour) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            behave(connection, connection.recv(65536))
