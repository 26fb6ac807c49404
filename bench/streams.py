"""The Redis that the relay publishes to: one that keeps what it is given (append-only file, on disk every second).

docs/publishers.md asks for such a one, beside the one for cache and messages.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from tests import servers

KEPT = ["--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"]
"""The file is not rewritten while something is measured."""


class KeepingRedis:
    """`url` is of its first database, `queue_url` of its second."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.queue_url = url.removesuffix("/0") + "/1"
        self.client: Any = redis.Redis.from_url(url)
        self._queues: Any = redis.Redis.from_url(self.queue_url)

    def empty(self) -> None:
        self.client.flushall()

    def entries(self, stream: str) -> int:
        """How many `stream` has."""
        return int(self.client.xlen(stream))

    def queued(self, queue: str) -> int:
        """How many messages wait in `queue` of the second database."""
        return int(self._queues.llen(queue))


@contextlib.contextmanager
def keeping_redis(folder: Path) -> Iterator[KeepingRedis]:
    """A server of its own with its file in `folder`, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="quittance-streams-", dir=folder) as home:
        port = servers.free_port()
        command = [*servers.redis_command(home, port), *KEPT]
        with servers.running(command, log=f"{home}/log", ready=lambda: servers.redis_answers(port)):
            yield KeepingRedis(f"redis://127.0.0.1:{port}/0")
