"""The simulator as an HTTP server. In a test: `with SimulatorServer(account=…, …) as simulator: simulator.url`."""

import contextlib
import logging
import secrets
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from payments.providers.simulated.simulator import api
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.delivery import WebhookSender
from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.messages import Answer, error, request_of

MAX_BODY_BYTES = 64 * 1024
IDLE_TIMEOUT_SECONDS = 60
LOOPBACK = "127.0.0.1"

logger = logging.getLogger(__name__)


class SimulatorServer:
    """A core, its HTTP server on a port of 127.0.0.1 (0: any free one) and its webhook sender, all in threads."""

    def __init__(
        self,
        *,
        account: str,
        webhook_secret: str,
        webhook_url: str = "",
        host: str = LOOPBACK,
        port: int = 0,
        state: str | Path = ":memory:",
        seed: int | None = None,
        dials: Dials | None = None,
    ) -> None:
        """Without a `seed` ids differ from run to run. Raises OSError when the port is taken, StateInUse.

        Whoever reaches `host` reaches the control API too.
        """
        self._http = _HttpServer((host, port), _Handler)
        try:
            self.core = SimulatorCore(
                seed=secrets.randbits(64) if seed is None else seed,
                webhook_secret=webhook_secret,
                account=account,
                state=state,
                dials=dials,
            )
        except BaseException:
            self._http.server_close()
            raise
        self._sender = WebhookSender(self.core, webhook_url=webhook_url)
        self._http.answer = self._answer
        self._http.hang_seconds = lambda: self.core.dials.hang_seconds
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:54321"."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def webhook_url(self) -> str:
        """Where webhooks go, from the next try on. While it is empty they wait."""
        return self._sender.webhook_url

    @webhook_url.setter
    def webhook_url(self, url: str) -> None:
        self._sender.webhook_url = url
        self._sender.wake()

    @property
    def connections_accepted(self) -> int:
        """Since the start: a client that uses its connections again needs few."""
        return self._http.accepted

    def start(self) -> Self:
        self._thread.start()
        self._sender.start()
        return self

    def stop(self) -> None:
        """Returns when every thread has ended and every connection is closed."""
        self._http.stop()
        self._thread.join()
        self._sender.stop()
        self.core.close()

    def wait_for_webhooks(self, timeout_seconds: float = 10) -> None:
        """Return once every queued webhook has arrived; raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while self.core.webhooks.unfinished():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.core.webhooks.unfinished()} webhooks have not arrived")
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer | None:
        try:
            return api.answer(self.core, request_of(method, target, headers, body), now=time.time())
        finally:
            self._sender.wake()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128
    answer: Callable[[str, str, dict[str, str], bytes], Answer | None]
    hang_seconds: Callable[[], float]

    def __init__(self, *args: Any) -> None:
        self.stopping = threading.Event()
        self.accepted = 0
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.accepted += 1
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if isinstance(sys.exception(), OSError):
            logger.debug("connection of %s broke off", client_address)
        else:
            logger.exception("the simulator has a bug")

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "QuittanceSimulator"
    sys_version = ""
    timeout = IDLE_TIMEOUT_SECONDS
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _HttpServer

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        answer = self.server.answer(self.command, self.path, dict(self.headers.items()), body)
        if answer is None:
            self._hang()
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _read_body(self) -> bytes | None:
        """None after a refusal, which closes the connection because the body was not read."""
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or (self.command in {"POST", "PUT", "PATCH"} and not lengths):
            self._refuse(411, "length_required", "Send a Content-Length.")
            return None
        length = lengths[0] if lengths else "0"
        if len(set(lengths)) > 1 or not (length.isascii() and length.isdigit()):
            self._refuse(400, "malformed_request", "The Content-Length is malformed.")
            return None
        if len(length) > 9 or int(length) > MAX_BODY_BYTES:
            self._refuse(413, "body_too_large", f"Send at most {MAX_BODY_BYTES} bytes.")
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self._refuse(400, "malformed_request", "The body is shorter than its Content-Length.")
            return None
        return body

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.close_connection = True
        self._send(error(status, "invalid_request_error", code, message))

    def _send(self, answer: Answer) -> None:
        headers = getattr(self, "headers", {})  # absent while what came is not HTTP
        told = {"method": self.command, "status": answer.status, "request_id": headers.get("X-Request-ID", "")}
        logger.info("answered", extra=told)
        body = answer.content
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang(self) -> None:
        """Until the caller has had enough, or the dial says so, or the server stops; then close without a word."""
        self.close_connection = True
        deadline = time.monotonic() + self.server.hang_seconds()
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while time.monotonic() < deadline and not self.server.stopping.is_set() and not poll.poll(50):
            pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses (a malformed request line, an unknown method), as JSON."""
        # Of a request line it cannot read the library thinks HTTP/0.9, whose answers have no status.
        self.request_version = self.protocol_version
        self._refuse(code, "malformed_request", message or "The request is malformed.")

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)
