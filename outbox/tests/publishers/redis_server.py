"""A Redis of a test's own, which takes a megabyte at most."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from outbox.tests.publishers.conformance import Broker, Entry
from outbox.tests.publishers.servers import Server
from tests import servers

STREAM = "quittance:events"


class RedisServer(Broker):
    too_large_bytes = 1024**2 + 1

    def __init__(self, folder: Path) -> None:
        self.port = servers.free_port()
        command = [*servers.redis_command(str(folder), self.port), "--proto-max-bulk-len", "1mb"]
        self.server = Server(command, log=folder / "log", ready=lambda: servers.redis_answers(self.port))
        self.client: Any = redis.Redis(port=self.port)

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


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[RedisServer]:
    broker = RedisServer(folder)
    broker.server.start()
    try:
        yield broker
    finally:
        broker.client.close()
        broker.server.kill()
