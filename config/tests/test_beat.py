"""Celery's beat as a real process, with us between it and Redis."""

import contextlib
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

pytestmark = pytest.mark.skipif("not settings.CELERY_BROKER_URL.startswith('redis')", reason="beat sends to Redis")


class Between(socketserver.ThreadingTCPServer):
    """Hands on what passes; `held` is set when the first message is on its way to Redis, which waits for `free`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.held, self.free = threading.Event(), threading.Event()

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        redis = urlsplit(settings.CELERY_BROKER_URL)
        with socket.create_connection((redis.hostname, redis.port or 6379)) as upstream:
            answers = threading.Thread(target=self._hand_on, args=(upstream, request), daemon=True)
            answers.start()
            self._hand_on(request, upstream)

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if b"LPUSH" in data:
                    self.held.set()
                    self.free.wait(20)
                target.sendall(data)


@pytest.fixture
def between() -> Iterator[Between]:
    with Between() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def test_beat_that_is_told_to_end_while_it_sends_ends_with_0(between: Between, tmp_path: Path) -> None:
    """After the tick: the message arrives, and the schedule is closed once."""
    database = urlsplit(settings.CELERY_BROKER_URL).path
    address = f"redis://127.0.0.1:{between.server_address[1]}{database}"
    with subprocess.Popen(
        [sys.executable, "-m", "celery", "--app", "config", "beat", "--schedule", str(tmp_path / "beat"), "--pidfile="],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE, "REDIS_URL": address},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as beat:
        assert between.held.wait(30)
        beat.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            beat.wait(0.5)
        between.free.set()
        output, _ = beat.communicate(timeout=20)
    assert (beat.returncode, "Traceback" in output) == (0, False), output
