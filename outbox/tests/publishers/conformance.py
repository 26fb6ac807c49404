"""What publishers that must all behave alike are tried on: each joins as a Subject that says what can be done to it."""

import abc
import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from django.utils.module_loading import import_string

from outbox.subscribers.base import PublishedEvent, Publisher
from tests.stoppable import StoppableServer

Entry = dict[str, Any]
"""Of EVENT_PUBLISHERS, without its patterns."""


class Broker(abc.ABC):
    """Where events arrive; its server, where there is one to kill and to freeze."""

    server: StoppableServer
    port: int
    too_large_bytes: int
    """An event of this size is refused."""

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """From the moment it answers until the block ends."""
        with self.server.running():
            yield self

    @abc.abstractmethod
    def entry(self, port: int | None = None) -> Entry:
        """What reaches it, through a proxy at `port` if there is one."""

    @abc.abstractmethod
    def nobody_there(self) -> Entry:
        """What would reach it if it were there."""

    @abc.abstractmethod
    def received(self) -> list[str]:
        """Every CloudEvent that is there, as JSON, in the order of arrival."""

    @abc.abstractmethod
    def empty(self) -> None:
        """Forget what has arrived: a test begins."""

    def rest(self) -> None:  # noqa: B027 - a server has nothing to put away
        """The test is over."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """A publisher under test, and whether its broker can be had in these ways."""

    name: str
    broker: Callable[[Path], Broker]
    is_limited: bool = True
    freezes: bool = True
    restarts: bool = True
    restarts_quickly: bool = True
    is_proxied: bool = True


_made: list[Publisher] = []
"""They live, with their connections, as long as the process: as those of a relay."""


def made(entry: Entry) -> Publisher:
    """A new one, as a new process has it."""
    _made.append(import_string(entry["class"])(**entry.get("options", {})))
    return _made[-1]


def parsed(text: str) -> BaseCloudEvent:
    """As the CloudEvents SDK understands it. Raises what it raises for what is none."""
    return JSONFormat().read(CloudEvent, text)


def ids(texts: list[str]) -> list[str]:
    """Of events in the order of their first arrival."""
    return list(dict.fromkeys(json.loads(text)["id"] for text in texts))


def invented(count: int, *, aggregates: int = 3, size: int = 1) -> list[PublishedEvent]:
    """Events that no database holds, of aggregates that take turns."""
    return [
        PublishedEvent(
            id=f"evt_{number}",
            type="invoice.paid",
            version=1,
            data=json.dumps({"text": "x" * size}),
            aggregate_type="invoice",
            aggregate_id=f"inv_{number % aggregates}",
            sequence=number // aggregates + 1,
            shard=3,
            position=number + 1,
            actor="system:tests",
            correlation_id="",
            occurred_at="2026-11-20T22:56:16.000123Z",
        )
        for number in range(count)
    ]
