"""A pass's numbering: of all shards together, and in a backlog of each by itself, beside the deliveries."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from config.kernel.errors import Unavailable
from config.kernel.prepared import Select
from outbox.models import Cursor
from outbox.services import leases, sequencing
from outbox.services.leases import Lease, LeaseLost
from outbox.services.progress import Progress, ServedAt, by_turns
from outbox.services.run import Stop
from outbox.services.sequencing import LogCorrupted

logger = logging.getLogger(__name__)

_unsequenced = Select(Cursor.objects.claimable().with_unsequenced_events())


class Beside:
    """A thread with a connection of its own: the database numbers while this process delivers what is numbered."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="numbering")

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.submit(_close_connection)
        self._executor.shutdown()

    @contextlib.contextmanager
    def run(self, work: Callable[[Stop], None]) -> Iterator[None]:
        """`work` is told to stop when the block has ended; what it raises comes out then, or is logged if that has."""
        is_over = threading.Event()
        future = self._executor.submit(_with_own_connection, work, is_over.is_set)
        try:
            yield
        except BaseException:
            is_over.set()
            if error := future.exception():
                logger.error("the numbering failed too", exc_info=error)
            raise
        is_over.set()
        future.result()


def _with_own_connection(work: Callable[[Stop], None], stop: Stop) -> None:
    """It is given up when it is too old, and after an error: it may lead to a server that writes no more."""
    connection.close_if_unusable_or_obsolete()
    try:
        work(stop)
    except Exception:
        _close_connection()
        raise


def _close_connection() -> None:
    """That of the thread it runs in."""
    connection.close()


@contextlib.contextmanager
def of_a_pass(
    progress: Progress, *, batch_size: int, stop: Stop, served_at: ServedAt, beside: Beside | None
) -> Iterator[None]:
    """Number a batch of all shards together and at most one of each: before the block, or in a backlog beside it.

    SQLite has one writer at a time: nothing goes on beside it there.
    """
    numbering = _Numbering(batch_size, served_at)
    left = numbering.together()
    is_backlog = bool(left and numbering.progress.sequenced)
    if beside is not None and is_backlog and connection.vendor != "sqlite":
        with beside.run(lambda is_over: numbering.each(left, stop, is_over)):
            yield
        numbering.progress.full_batches += 1  # of what was numbered beside them, the deliveries knew nothing
    else:
        numbering.each(left, stop, is_over=stop)
        yield
    progress += numbering.progress


class _Numbering:
    """Of one pass, and what it has achieved."""

    def __init__(self, batch_size: int, served_at: ServedAt) -> None:
        self.progress = Progress()
        self._batch_size = batch_size
        self._served_at = served_at

    def together(self) -> list[Cursor]:
        """Of shards with events left, to be numbered one by one."""
        cursors = _unsequenced.all()
        if len(cursors) < 2:
            return cursors
        try:
            sequenced = sequencing.sequence_together(cursors=cursors, limit=self._batch_size)
        except (LogCorrupted, Unavailable) as error:
            logger.warning("shards are numbered one by one: %s", error)
            return _unsequenced.all()
        self.progress += Progress(sequenced=sequenced)
        return [] if sequenced < self._batch_size else _unsequenced.all()

    def each(self, cursors: list[Cursor], stop: Stop, is_over: Stop) -> None:
        """Those longest without come first, until all have had a batch or `stop`; one at least before it `is_over`."""
        for cursor in by_turns(cursors, self._served_at):
            if stop():
                return
            self._served_at[cursor.pk] = time.monotonic()
            lease = leases.claim(cursor=cursor)
            if lease is not None:
                self._one(lease)
            if is_over():
                return

    def _one(self, lease: Lease) -> None:
        try:
            sequenced = sequencing.sequence(lease=lease, batch_size=self._batch_size)
            self.progress += Progress(sequenced=sequenced, full_batches=int(sequenced >= self._batch_size))
        except LeaseLost:
            self.progress.note_lost(lease)
        except (LogCorrupted, Unavailable):
            logger.exception("shard %d cannot be numbered", lease.shard)
            self.progress.back_off(lease)
