"""A Redis of a test's own, which takes a megabyte at most."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import redis

from outbox.tests.publishers.conformance import Broker, Entry
from tests import servers
from tests.stoppable import StoppableServer

STREAM = "quittance:events"


class RedisServer(Broker):
    too_large_bytes = 1024**2 + 1

    def __init__(self, folder: Path) -> None:
        self.port = servers.free_port()
        command = [*servers.redis_command(str(folder), self.port), "--proto-max-bulk-len", "1mb"]
        self.server = StoppableServer(command, log=folder / "log", ready=lambda: servers.redis_answers(self.port))
        self.client: Any = redis.Redis(port=self.port)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        with super().running(), contextlib.closing(self.client):
            yield self

    def entry(self, port: int | None = None) -> Entry:
        return {
            "class": "outbox.subscribers.redis_streams.RedisStreamPublisher",
            "options": {"url": f"redis://127.0.0.1:{port or self.port}/0"},
        }

    def nobody_there(self) -> Entry:
        return self.entry(servers.free_port())

    def received(self) -> list[str]:
        return [fields[b"event"].decode() for _, fields in self.client.xrange(STREAM)]

    def empty(self) -> None:
        self.client.flushall()
