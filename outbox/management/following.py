"""Commands that follow the log as it grows, until INT or TERM or until nobody reads what they print."""

import contextlib
import datetime
import os
import sys
import threading
from collections.abc import Callable, Iterator

from django.core.management.base import OutputWrapper
from django.db import InterfaceError, OperationalError, connection

from config.management.stopping import told_to_stop
from outbox.services import tailing
from outbox.subscribers.base import PublishedEvent

POLL_SECONDS = 0.2
DATABASE_RETRY_SECONDS = 1.0


@contextlib.contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """INT and TERM set the event. A reader that has closed our output ends the block quietly."""
    stopping = told_to_stop()
    try:
        yield stopping
    except BrokenPipeError:
        # Python would say so once more when it flushes standard output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def follow(
    *,
    since: datetime.datetime | None,
    once: bool,
    stopping: threading.Event,
    stderr: OutputWrapper,
    on_start: Callable[[], None] = lambda: None,
) -> Iterator[list[PublishedEvent]]:
    """Batches of what is recorded from now on, or has been since an instant; `once` ends when all of it is read.

    `on_start` is called when nothing that happens can be missed any more. A database that is away is waited for.
    """
    positions: tailing.Positions = {}
    while not stopping.is_set():
        try:
            if not positions:
                positions = tailing.heads() if since is None else tailing.positions_before(since)
                on_start()
            events = tailing.read_on(positions)
        except (OperationalError, InterfaceError) as error:
            stderr.write(f"the database cannot be reached, trying again: {error}")
            connection.close()
            stopping.wait(DATABASE_RETRY_SECONDS)
            continue
        yield events
        if once and not events:
            return
        if not events:
            stopping.wait(POLL_SECONDS)
