"""Brokers that keep, as in production, what they have acknowledged: they are stopped, killed and started again."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from outbox.tests.publishers.conformance import Broker
from outbox.tests.publishers.rabbitmq_server import RabbitMQServer
from outbox.tests.publishers.redis_server import RedisServer
from tests import servers
from tests.stoppable import StoppableServer

_KEEPS_ALL = ["--appendonly", "yes", "--appendfsync", "always"]


class DurableRedis(RedisServer):
    """What it has answered is in its append-only file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        command = [*servers.redis_command(str(folder), self.port), *_KEEPS_ALL]
        self.server = StoppableServer(command, log=folder / "log", ready=lambda: servers.redis_answers(self.port))


class DurableRabbitMQ(RabbitMQServer):
    """The durable queue is there before the first event is."""

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        with super().running():
            self.empty()
            yield self


BROKERS: dict[str, Callable[[Path], Broker]] = {"redis": DurableRedis, "rabbitmq": DurableRabbitMQ}
