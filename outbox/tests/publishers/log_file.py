"""The log publisher's lines, in a file."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from config.observability.logs import EventHandler
from outbox.tests.publishers.conformance import Broker, Entry


class LogFile(Broker):
    def __init__(self, folder: Path) -> None:
        self._path = folder / "events"
        self.handler = EventHandler()
        self._files = contextlib.ExitStack()

    def entry(self, port: int | None = None) -> Entry:
        return {"class": "outbox.subscribers.log.LogPublisher"}

    def nobody_there(self) -> Entry:
        self._write_to(Path("/dev/full"))
        return self.entry()

    def received(self) -> list[str]:
        return self._path.read_text().splitlines()

    def empty(self) -> None:
        self._write_to(self._path)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what /dev/full did not take
            self._files.close()

    def _write_to(self, path: Path) -> None:
        self.close()
        self.handler.stream = self._files.enter_context(path.open("w"))


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[LogFile]:
    broker = LogFile(folder)
    logger = logging.getLogger("outbox.events")
    logger.addHandler(broker.handler)
    yield broker
    logger.removeHandler(broker.handler)
    broker.close()
