"""Somebody's HTTP server, which keeps what it is sent and answers as a test says."""

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclasses.dataclass(frozen=True)
class Received:
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclasses.dataclass(frozen=True)
class Say:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


class Receiver:
    """`answer` is called in the thread of each request, and may wait."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Say] = lambda _: Say()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def ids(self) -> list[str]:
        """Of the messages that came, in that order."""
        return [each.headers["webhook-id"] for each in self.received]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.received.append(received)
                say = receiver.answer(received)
                self.send_response(say.status)
                for name, value in ({"Content-Length": str(len(say.body))} | say.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(say.body)

            def log_message(self, *_: Any) -> None:
                """Tests look at `received`."""

        return Handler

    @classmethod
    @contextlib.contextmanager
    def listening(cls) -> "Iterator[Receiver]":
        receiver = cls()
        thread = threading.Thread(target=receiver._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver._server.shutdown()
            receiver._server.server_close()
