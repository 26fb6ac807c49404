"""The relay as a process on tables of its own, publishing to a Redis that keeps."""

import contextlib
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import service
from bench.outbox_tables import OutboxTables
from bench.parts.base import Bench
from bench.streams import KeepingRedis
from outbox.models import OutboxEvent

REDIS = "redis"
"""The subscriber that publishes to Redis."""
STREAM = "quittance:events"


@dataclasses.dataclass(frozen=True)
class Drained:
    """How long one process took for a backlog, and the most memory it had."""

    seconds: float
    peak_kib: int


@dataclasses.dataclass(frozen=True)
class Relay:
    """One relay and what it works on."""

    folder: Path
    tables: OutboxTables
    redis: KeepingRedis

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.tables.url, "PUBLISH_TO_REDIS_URL": self.redis.url}

    def drain(self, count: int, *subscribers: str) -> Drained:
        """Record `count` events and relay them, to all subscribers unless some are named; all of them must arrive."""
        self.redis.empty()
        self.tables.record(count)
        report = self.folder / "relay.report"
        with (
            (self.folder / "relay.out").open("wb") as events,
            (self.folder / "logs" / "relay_once.log").open("wb") as log,
        ):
            command = [sys.executable, "-m", "bench.relay_once", str(report), *subscribers]
            subprocess.run(command, env=self.environment, stdout=events, stderr=log, check=True)
        arrived = self.redis.entries(STREAM)
        assert arrived == count, f"{arrived} of {count} events are in the stream"
        seconds, peak_kib = report.read_text().split()
        return Drained(float(seconds), int(peak_kib))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """`manage.py relay_outbox` for every subscriber, as deployed."""
        command = {"relay_alone": [sys.executable, "manage.py", "relay_outbox"]}
        with service.supervised(command, folder=self.folder, environment=self.environment):
            yield


def relay(bench: Bench, *, redis: KeepingRedis, name: str) -> Relay:
    """One on a database `name`, whose events are those of a payment from invoice to receipt; its cursors exist."""
    with bench.service.paused(*service.BEHIND_THE_WEB):
        [settle] = bench.shop.webhooks(1)
        settle()
    paid = OutboxEvent.objects.filter(type="invoice.paid").order_by("-id").values_list("aggregate_id", flat=True)[0]
    made = Relay(bench.folder, OutboxTables(os.environ["DATABASE_URL"], name=name, like=paid), redis)
    made.drain(0)
    return made
