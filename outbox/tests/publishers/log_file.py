"""The log publisher's lines, in a file."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from config.observability.logs import EventHandler
from outbox.tests.publishers.conformance import Broker, Entry

logger = logging.getLogger("outbox.events")


class LogFile(Broker):
    def __init__(self, folder: Path) -> None:
        self._path = folder / "events"
        self._handler = EventHandler()
        self._files = contextlib.ExitStack()

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        yield self

    def entry(self, port: int | None = None) -> Entry:
        return {"class": "outbox.subscribers.log.LogPublisher"}

    def nobody_there(self) -> Entry:
        self._write_to(Path("/dev/full"))
        return self.entry()

    def received(self) -> list[str]:
        return self._path.read_text().splitlines()

    def empty(self) -> None:
        self._write_to(self._path)
        logger.addHandler(self._handler)

    def rest(self) -> None:
        logger.removeHandler(self._handler)
        self._close()

    def _write_to(self, path: Path) -> None:
        self._close()
        self._handler.stream = self._files.enter_context(path.open("w"))

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # what /dev/full did not take
            self._files.close()
