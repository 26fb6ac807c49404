"""A RabbitMQ node of a test's own, with a name and a port mapper of its own; takes a megabyte at most."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from kombu import Connection, Exchange, Queue

from outbox.tests.publishers.conformance import Broker, Entry
from tests import servers
from tests.stoppable import StoppableServer

BIN = Path("/usr/lib/rabbitmq/bin")
EXCHANGE = Exchange("quittance.events", type="topic", durable=True)
_SETTINGS = """
listeners.tcp.default = 127.0.0.1:{port}
max_message_size = 1048576
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 1MB
loopback_users = none
log.console = true
log.file = false
"""


class RabbitMQServer(Broker):
    too_large_bytes = 1024**2 + 1

    def __init__(self, folder: Path) -> None:
        self.port = servers.free_port()
        self._folder, self._mapper_port, self._distribution_port = folder, servers.free_port(), servers.free_port()
        (folder / "rabbitmq.conf").write_text(_SETTINGS.format(port=self.port))
        (folder / "plugins").write_text("[].")
        (folder / ".erlang.cookie").write_text("quittance")
        (folder / ".erlang.cookie").chmod(0o400)
        command = ["env", *self._environment(), str(BIN / "rabbitmq-server")]
        self.server = StoppableServer(command, log=folder / "log", ready=self._answers)
        mapper = ["epmd", "-port", str(self._mapper_port), "-address", "127.0.0.1"]
        self._mapper = StoppableServer(mapper, log=folder / "epmd.log", ready=lambda: _listens(self._mapper_port))
        self._queue = Queue("everything", exchange=EXCHANGE, routing_key="#", durable=True)
        self._bodies: list[str] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        if not (BIN / "rabbitmq-server").exists():
            pytest.skip("rabbitmq-server is not installed (Debian, Ubuntu: apt-get install rabbitmq-server)")
        with self._mapper.running(), super().running():
            yield self

    def entry(self, port: int | None = None) -> Entry:
        return {
            "class": "outbox.subscribers.rabbitmq.RabbitMQPublisher",
            "options": {"url": self._url(port or self.port)},
        }

    def nobody_there(self) -> Entry:
        return self.entry(servers.free_port())

    def messages(self) -> list[Any]:
        """Takes what is in the queue, in order."""
        with self._opened() as queue:
            return list(iter(lambda: queue.get(no_ack=True), None))

    def received(self) -> list[str]:
        self._bodies += [message.body for message in self.messages()]
        return self._bodies

    def empty(self) -> None:
        with self._opened() as queue:
            queue.purge()
        self._bodies = []

    def control(self, *arguments: str) -> None:
        """rabbitmqctl; a second or two each."""
        command = ["env", *self._environment(), str(BIN / "rabbitmqctl"), *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def _url(self, port: int) -> str:
        return f"amqp://guest:guest@127.0.0.1:{port}//"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        with Connection(self._url(self.port), connect_timeout=10) as connection:
            queue: Any = self._queue(connection.channel())
            queue.declare()
            yield queue

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), Connection(self._url(self.port), connect_timeout=2) as connection:
            connection.connect()
            return True
        return False

    def _environment(self) -> list[str]:
        folder = self._folder
        names = {
            "HOME": folder,
            "RABBITMQ_NODENAME": f"quittance{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": folder / "data",
            "RABBITMQ_LOG_BASE": folder / "logs",
            "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": folder / "none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
            "RABBITMQ_DIST_PORT": self._distribution_port,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
            "ERL_EPMD_PORT": self._mapper_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "PATH": os.environ["PATH"],
        }
        return [f"{name}={value}" for name, value in names.items()]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False
