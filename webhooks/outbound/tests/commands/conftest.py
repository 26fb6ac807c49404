"""Commands as processes of their own, on the running test's database and Redis."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection

from config.tests.servers import database_url
from outbox.tests.publishers.cutting import CuttingProxy, cutting
from tests.architecture.source import ROOT
from webhooks.outbound.tasks import TURN_KEY


class Running:
    """A `manage.py` command with what it has said so far on either stream."""

    def __init__(self, arguments: tuple[str, ...], out: Path, environment: dict[str, str]) -> None:
        self._out = out
        with out.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=os.environ | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._out.read_text()

    def until(self, true: Callable[[], object], *, seconds: float = 30) -> None:
        """Returns when it is, while this runs."""
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def end(self, number: int) -> int:
        """Its exit status after this signal."""
        self.process.send_signal(number)
        return self.process.wait(30)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `manage.py` commands, and kills what is left of them."""
    if connection.vendor != "mysql":
        pytest.skip("processes share a server")
    started: list[Running] = []

    def begin(*arguments: str, database: str = "") -> Running:
        environment = {"DATABASE_URL": database or database_url()}
        started.append(Running(arguments, tmp_path / f"out{len(started)}", environment))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.wait()
    cache.delete(TURN_KEY)


@pytest.fixture
def line() -> Iterator[CuttingProxy]:
    """A line to the database that can be cut."""
    with cutting(int(connection.settings_dict["PORT"])) as proxy:
        yield proxy


def through(line: CuttingProxy) -> str:
    """DATABASE_URL at the end of it."""
    return database_url().replace(f":{connection.settings_dict['PORT']}/", f":{line.port}/")


@contextlib.contextmanager
def cut(line: CuttingProxy) -> Iterator[None]:
    """Nobody reaches the database inside the block."""
    line.cut_after(0)
    try:
        yield
    finally:
        line.mend()
