"""When what has ended is archived: after so many days of business time, by one task at a time."""

import datetime
import time
from collections.abc import Callable, Iterable, Sized
from typing import Protocol, TypeVar

from django.conf import settings

from config.kernel import clock
from outbox.services import turns
from outbox.services.run import Stop


class Archive(Protocol):
    """Moves what is older than `before` until `stop` says so; returns how many."""

    def __call__(self, *, before: datetime.datetime, stop: Stop) -> int: ...


Chunk = TypeVar("Chunk", bound=Sized)


def move_all(chunks: Iterable[Chunk], move: Callable[[Chunk], int], *, stop: Stop, dry_run: bool) -> int:
    """`move` each of `chunks` until `stop`, which is asked before each; or only count them. How many rows."""
    moved = 0
    for chunk in chunks:
        if stop():
            break
        moved += len(chunk) if dry_run else move(chunk)
    return moved


def archive_old(kind: str, archive: Archive) -> int:
    """As ARCHIVE_AFTER_DAYS says of `kind`, for ARCHIVE_TASK_SECONDS at most. How many were moved."""
    days, seconds = settings.ARCHIVE_AFTER_DAYS[kind], settings.ARCHIVE_TASK_SECONDS
    with turns.turn(f"archiving:{kind}", seconds=seconds) as is_ours:
        if not (days and is_ours):
            return 0
        until = time.monotonic() + seconds
        before = clock.now() - datetime.timedelta(days=days)
        return archive(before=before, stop=lambda: time.monotonic() >= until)
