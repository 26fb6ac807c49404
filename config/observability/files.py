"""Where the numbers live: files in settings.METRICS_DIR, memory-mapped, one set per process of any kind.

Web workers, Celery children, relays and their forks on one host (or one shared volume) write into the same folder, so
whichever process is scraped tells what all of them counted. What a dead process counted stays: its files are added to
`archive` when another process starts. Liveness is a file lock and not a process id, because containers that share
the folder have the same ids. With METRICS_DIR empty a process counts in its own memory.
"""

import contextlib
import fcntl
import itertools
import logging
import operator
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from prometheus_client import CollectorRegistry, disable_created_metrics, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

disable_created_metrics()
REGISTRY = CollectorRegistry()
MAKING = threading.RLock()
ARCHIVE = "archive"
MAX_NAMESAKES = 1000
INITIAL_BYTES = 1024 * 1024
LARGEST_OVERHEAD_BYTES = 32
"""Of a number in a file, besides its key."""

logger = logging.getLogger(__name__)
_told: set[str] = set()


def note_loss(name: str, error: Exception) -> None:
    """Tell once per process and metric that it is not counted; what was to be counted goes on."""
    if name not in _told:
        _told.add(name)
        logger.warning("%s is not counted: %r", name, error)


class ReservedDict(MmapedDict):
    """The library maps files with holes, and writing into a hole on a full disk kills the process (SIGBUS): here the
    space is taken first, and a full disk is an OSError that costs the count."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            with open(filename, "ab") as file:
                _reserve(file.fileno(), INITIAL_BYTES)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + LARGEST_OVERHEAD_BYTES > self._capacity:
            _reserve(self._f.fileno(), self._capacity * 2)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _reserve(file: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)


class _Process:
    """Who counts here: known by a name that no other live process has, and holds as a lock on `<name>.alive`."""

    def __init__(self) -> None:
        self._pid = 0
        self._name = ""
        self._alive: IO[bytes] | None = None

    def name(self) -> str:
        """Asked before every write, so a forked child takes a name of its own before it touches a file."""
        if self._pid != os.getpid():
            self._name, self._alive = _take_name()
            self._pid = os.getpid()
        return self._name


def _take_name() -> tuple[str, IO[bytes]]:
    host = socket.gethostname().replace("_", "-")
    for number in itertools.chain([""], map(str, range(1, MAX_NAMESAKES))):
        name = f"{host}-{os.getpid()}-{number}".rstrip("-")
        alive = _lock(_folder() / f"{name}.alive")
        if alive is not None:
            return name, alive
    raise OSError(f"no free name in {_folder()}")


def _lock(path: Path) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


_process = _Process()
_prepared = False


def _folder() -> Path:
    return Path(settings.METRICS_DIR)


def prepare() -> None:
    """Before a process makes its first metric: choose where numbers go, and add up what the dead have left."""
    global _prepared
    with MAKING:
        if settings.METRICS_DIR and not _prepared:
            _choose_folder()
            _prepared = True
            archive_the_dead()


def _choose_folder() -> None:
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    values.MmapedDict = ReservedDict  # type: ignore[attr-defined]
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_folder())
    values.ValueClass = values.MultiProcessValue(_process.name)


@contextlib.contextmanager
def _folder_lock(kind: int) -> Iterator[None]:
    """Shared to read all files, exclusive to move numbers between them: no scrape sees a number twice or not at all."""
    with (_folder() / "lock").open("ab") as file:
        fcntl.flock(file, kind)
        yield


def archive_the_dead() -> None:
    """Add the files of processes that are gone to the archive and delete them."""
    with _folder_lock(fcntl.LOCK_EX):
        for alive in sorted(_folder().glob("*.alive")):
            held = _lock(alive)
            if held is None:
                continue
            with held:
                for path in sorted(_folder().glob(f"*_{alive.stem}.db")):
                    _archive_or_put_aside(path)
                alive.unlink()


def _archive_or_put_aside(path: Path) -> None:
    """A file that a full disk or a power cut left unreadable costs its own numbers and nobody else's."""
    try:
        _archive(path)
    except (struct.error, ValueError) as error:
        logger.warning("the numbers in %s cannot be read and are left out: %s", path.name, error)
        path.rename(path.with_suffix(".broken"))


def _archive(path: Path) -> None:
    kind = path.name.rpartition("_")[0]
    combine = max if kind.startswith("gauge") else operator.add
    numbers = list(MmapedDict.read_all_values_from_file(str(path)))
    archive: Any = ReservedDict(str(_folder() / f"{kind}_{ARCHIVE}.db"))
    for key, value, timestamp, _ in numbers:
        archive.write_value(key, combine(archive.read_value(key)[0], value), timestamp)
    archive.close()
    path.unlink()


def collect() -> list[Any]:
    """Every metric family of every process, dead ones included."""
    if not settings.METRICS_DIR:
        return list(REGISTRY.collect())
    prepare()
    with _folder_lock(fcntl.LOCK_SH):
        return list(MultiProcessCollector(None, str(_folder())).collect())
