"""Real server processes for tests that need one."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from config.embedded.environment import free_port


def database_url(name: str | None = None) -> str:
    """DATABASE_URL of the database the tests run on, or of the one called `name` on its server."""
    options = connection.settings_dict
    login = f"{options['USER']}:{options['PASSWORD']}" if options["PASSWORD"] else options["USER"]
    return f"mysql://{login}@{options['HOST']}:{options['PORT']}/{name or options['NAME']}"


@contextlib.contextmanager
def granian(application: str, **environment: str) -> Iterator[int]:
    """A granian process that serves `application` ("module:name") with the test settings; yields its port."""
    port = free_port()
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "2"]
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", *options, application],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("granian did not start")
