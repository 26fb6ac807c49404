"""MariaDB and Redis of a test's own, which go away and come back on the same port with what they have kept."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from django.db import connection

from config.embedded.environment import free_port
from tests import servers
from tests.architecture.source import ROOT

DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"]
"""As in production: what was committed is there after a SIGKILL."""


class Stoppable:
    """One server; `start` returns when it answers."""

    def __init__(self, command: list[str], *, log: Path, ready: Callable[[], bool]) -> None:
        self._command, self._log, self._ready = command, log, ready
        self._running = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = self._running.enter_context(
            servers.running(self._command, log=str(self._log), ready=self._ready)
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Returns when it has ended; stopping what does not run does nothing."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None
        self._running.close()


@contextlib.contextmanager
def stoppable_redis(folder: Path) -> Iterator[tuple[Stoppable, str]]:
    """Running, with its REDIS_URL."""
    folder.mkdir()
    port = free_port()
    command = servers.redis_command(str(folder), port)
    with _started(Stoppable(command, log=folder / "log", ready=lambda: servers.redis_answers(port))) as server:
        yield server, f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def stoppable_mariadb(folder: Path) -> Iterator[tuple[Stoppable, str]]:
    """Running, migrated, and this test's own database connection points at it; with its DATABASE_URL."""
    folder.mkdir()
    port = free_port()
    url = f"mysql://root@127.0.0.1:{port}/quittance"
    command = servers.mariadb_command(str(folder), port, DURABLE)
    server = Stoppable(command, log=folder / "log", ready=lambda: servers.mariadb_answers(port))
    with _started(server), _connected_to_new_database_at(port):
        _migrate(url)
        yield server, url


@contextlib.contextmanager
def _started(server: Stoppable) -> Iterator[Stoppable]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _connected_to_new_database_at(port: int) -> Iterator[None]:
    ours = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": port, "USER": "root", "PASSWORD": "", "NAME": "mysql"}
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE quittance CHARACTER SET utf8mb4")
        connection.close()
        connection.settings_dict["NAME"] = "quittance"
        yield
    finally:
        connection.close()
        connection.settings_dict |= ours


def _migrate(url: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test", "DATABASE_URL": url},
        check=True,
    )
