"""The peers as running processes, and their databases beside ours on the same server."""

import contextlib
import dataclasses
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import servers, service
from config.embedded.environment import free_port
from tests.servers import Missing

PYTHON = Path(__file__).resolve().parent.parent / ".local" / "bench-venv" / "bin" / "python"


def check_environment() -> None:
    """Raises Missing unless the peers' environment is there."""
    if not PYTHON.exists():
        raise Missing("The peers' environment is missing: run make bench, which makes it.")


def copy_schema(url: str, *, name: str, with_rows_of: tuple[str, ...] = ()) -> str:
    """A fresh database `name` beside `url` with the same tables, empty but for those named; its URL."""
    target = servers.create_database(url, name=name, anew=True)
    with contextlib.closing(servers.connect(url)) as source, contextlib.closing(servers.connect(target)) as copy:
        reading, writing = source.cursor(), copy.cursor()
        writing.execute("SET foreign_key_checks = 0")
        reading.execute("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")
        for table, _ in reading.fetchall():
            reading.execute(f"SHOW CREATE TABLE `{table}`")
            writing.execute(reading.fetchone()[1])
            if table in with_rows_of:
                reading.execute("SELECT DATABASE()")
                writing.execute(f"INSERT INTO `{table}` SELECT * FROM `{reading.fetchone()[0]}`.`{table}`")
        copy.commit()
    return target


@contextlib.contextmanager
def fastapi(*, folder: Path, url: str) -> Iterator[int]:
    """The FastAPI service on the database at `url`; yields its port."""
    peer_url = url.replace("mysql://", "mariadb+asyncmy://", 1) + "?charset=utf8mb4"
    command = "bench.peers.fastapi_service.main:app"
    with _served("fastapi", "asgi", command, folder, "/health", PEER_DATABASE_URL=peer_url) as port:
        yield port


@contextlib.contextmanager
def receiver() -> Iterator[int]:
    """Somebody to send webhooks to; yields its port."""
    process = subprocess.Popen([sys.executable, "-m", "bench.peers.receiver"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


@dataclasses.dataclass(frozen=True)
class StripeSite:
    """dj-stripe's endpoint: `secret` signs what is posted to `path`."""

    port: int
    path: str
    secret: str


@contextlib.contextmanager
def djstripe(*, folder: Path, url: str) -> Iterator[StripeSite]:
    """dj-stripe on a database beside `url`."""
    peer_url = servers.create_database(url, name="quittance_djstripe", anew=True)
    secret = f"whsec_{secrets.token_hex(16)}"
    endpoint = _module("bench.peers.djstripe_site.prepare", secret, PEER_DATABASE_URL=peer_url).strip()
    command = "bench.peers.djstripe_site.wsgi:application"
    with _served("djstripe", "wsgi", command, folder, "/health", PEER_DATABASE_URL=peer_url) as port:
        yield StripeSite(port, f"/stripe/webhook/{endpoint}/", secret)


class Publisher:
    """django-outbox-pattern on a database beside `url`."""

    def __init__(self, *, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = servers.create_database(url, name="quittance_outbox_pattern", anew=True)
        self._manage("migrate", "--verbosity", "0")

    @contextlib.contextmanager
    def publishing(self, count: int, *, body: str, port: int) -> Iterator[None]:
        """`count` messages wait in the table, and the publisher runs as long as the block."""
        self._manage("fill", str(count), input=body)
        command = {"publisher": [str(PYTHON), "-m", "bench.peers.outbox_site.manage", "publish"]}
        environment = os.environ | {"PEER_DATABASE_URL": self._url, "STOMP_PORT": str(port)}
        with service.supervised(command, folder=self._folder, environment=environment):
            yield

    def _manage(self, *arguments: str, input: str = "") -> None:
        _module("bench.peers.outbox_site.manage", *arguments, input=input, PEER_DATABASE_URL=self._url)


class TaskRelay:
    """django-celery-outbox on a database beside `url`, with its broker at `broker_url`."""

    QUEUE = "celery"
    OPTIONS = ("--batch-size", "1000", "--publish-concurrency", "1")
    """Of what its documents advise for throughput the faster."""

    def __init__(self, *, folder: Path, url: str, broker_url: str) -> None:
        self._folder = folder
        self._url = servers.create_database(url, name="quittance_celery_outbox", anew=True)
        self._environment = {"PEER_DATABASE_URL": self._url, "PEER_BROKER_URL": broker_url}
        self._manage("migrate", "--verbosity", "0")

    @contextlib.contextmanager
    def relaying(self, count: int, *, body: str) -> Iterator[None]:
        """`count` tasks wait in the table, and the relay runs as long as the block."""
        self._manage("fill", str(count), input=body)
        module = "bench.peers.celery_outbox_site.manage"
        command = {"task_relay": [str(PYTHON), "-m", module, "celery_outbox_relay", *self.OPTIONS]}
        with service.supervised(command, folder=self._folder, environment=os.environ | self._environment):
            yield

    def waiting(self) -> int:
        """How many rows are left in the table."""
        with contextlib.closing(servers.connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM celery_outbox")
            return int(cursor.fetchone()[0])

    def _manage(self, *arguments: str, input: str = "") -> None:
        _module("bench.peers.celery_outbox_site.manage", *arguments, input=input, **self._environment)


def _module(name: str, *arguments: str, input: str = "", **environment: str) -> str:
    """Run a module in the peers' environment; what it prints. Raises SystemExit with its errors."""
    done = subprocess.run(
        [str(PYTHON), "-m", name, *arguments], env=os.environ | environment, input=input, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return done.stdout


@contextlib.contextmanager
def _served(
    name: str, interface: str, application: str, folder: Path, health: str, **environment: str
) -> Iterator[int]:
    port = free_port()
    commands = {name: service.granian(str(PYTHON), interface, port, application)}
    with service.supervised(commands, folder=folder, environment=os.environ | environment) as supervisor:
        service.wait_for_http(f"http://127.0.0.1:{port}{health}", supervisor)
        yield port
