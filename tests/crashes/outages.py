"""MariaDB and Redis of a test's own, which go away and come back on the same port with what they have kept."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from config.embedded.environment import free_port
from tests import servers
from tests.architecture.source import ROOT
from tests.stoppable import StoppableServer

DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"]
"""As in production: what was committed is there after a SIGKILL."""


@contextlib.contextmanager
def stoppable_redis(folder: Path) -> Iterator[tuple[StoppableServer, str]]:
    """Running, with its REDIS_URL."""
    folder.mkdir()
    port = free_port()
    command = servers.redis_command(str(folder), port)
    server = StoppableServer(command, log=folder / "log", ready=lambda: servers.redis_answers(port))
    with server.running():
        yield server, f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def stoppable_mariadb(folder: Path) -> Iterator[tuple[StoppableServer, str]]:
    """Running, migrated, and this test's own database connection points at it; with its DATABASE_URL."""
    folder.mkdir()
    port = free_port()
    url = f"mysql://root@127.0.0.1:{port}/quittance"
    command = servers.mariadb_command(str(folder), port, DURABLE)
    server = StoppableServer(command, log=folder / "log", ready=lambda: servers.mariadb_answers(port))
    with server.running(), _connected_to_new_database_at(port):
        _migrate(url)
        yield server, url


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
