"""Clients whose transactions record events: some of several aggregates, some slow, some rolled back, some refused."""

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import django.db
from django.db import connections

from config.kernel import correlation, db
from config.kernel.errors import Unavailable
from invoices.models import Customer
from outbox import services
from outbox.models import OutboxEvent
from outbox.tests.support import ACTOR, Happened

LOOK_SECONDS = 0.2
SLOW_SECONDS = 0.3
"""At most, between writing an event and its commit."""
_CALLS_OFF, _IS_SLOW = 0.03, 0.03
"""Shares of all transactions."""


class _CalledOff(Exception):
    """The client rolls back what it has written."""


class Producer(threading.Thread):
    """`committed` is how many events each transaction recorded that it knows to be committed, by correlation id.

    `counts` are of transactions `called_off`, `refused` with an error, and `found` committed although they were.
    """

    def __init__(
        self,
        *,
        sources: Sequence[str],
        name: str,
        seed: str,
        pause_seconds: float,
        stopping: threading.Event,
    ) -> None:
        super().__init__(daemon=True, name=name)
        self.committed: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._sources, self._pause_seconds = sources, pause_seconds
        self._stopping = stopping
        self._chance = random.Random(seed)

    def run(self) -> None:
        try:
            for number in itertools.takewhile(lambda _: not self._stopping.is_set(), itertools.count()):
                self._ask(f"{self.name}/{number}", self._events_per_source())
                self._stopping.wait(self._chance.uniform(0, 2 * self._pause_seconds))
        except Exception as error:
            self.wrong.append(f"{self.name}: {error!r}")
        finally:
            connections.close_all()

    def _events_per_source(self) -> dict[str, int]:
        sources = self._chance.sample(self._sources, self._chance.randint(1, 3))
        return {source: self._chance.randint(1, 4) for source in sources}

    def _ask(self, id: str, wanted: Mapping[str, int]) -> None:
        """One transaction; whoever gets no answer looks whether it was committed."""
        count = sum(wanted.values())
        try:
            with correlation.bind(id):
                _record(wanted, slow_seconds=self._slow_seconds(), is_called_off=self._chance.random() < _CALLS_OFF)
        except _CalledOff:
            self.counts["called_off"] += 1
            return
        except (django.db.Error, Unavailable):
            self.counts["refused"] += 1
            if not self._find_out(id, count):
                return
            self.counts["found"] += 1
        self.committed[id] = count

    def _slow_seconds(self) -> float:
        return self._chance.uniform(0, SLOW_SECONDS) if self._chance.random() < _IS_SLOW else 0

    def _find_out(self, id: str, count: int) -> bool:
        while not self._stopping.is_set():
            connections.close_all()
            with contextlib.suppress(django.db.Error):
                found = OutboxEvent.objects.filter(correlation_id=id).count()
                assert found in (0, count), f"{found} of {count} events of one transaction"
                return bool(found)
            time.sleep(LOOK_SECONDS)
        raise AssertionError(f"{id} never learned what became of it")


@db.transaction(idempotent=False)
def _record(wanted: Mapping[str, int], *, slow_seconds: float, is_called_off: bool) -> None:
    locked = Customer.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    for source in locked:
        for number in range(wanted[source.pk]):
            services.record(source=source, event=Happened(number=number), actor=ACTOR)
    if slow_seconds or is_called_off:
        db.flush()
        time.sleep(slow_seconds)
    if is_called_off:
        raise _CalledOff


class Producers:
    """All of them together."""

    def __init__(self, threads: Sequence[Producer], stopping: threading.Event) -> None:
        self._threads, self._stopping = threads, stopping

    @property
    def committed(self) -> dict[str, int]:
        return {id: count for thread in self._threads for id, count in dict(thread.committed).items()}

    @property
    def recorded(self) -> int:
        """Events that they know to be committed."""
        return sum(self.committed.values())

    @property
    def counts(self) -> Counter[str]:
        return sum((thread.counts for thread in self._threads), Counter())

    @property
    def wrong(self) -> list[str]:
        return [each for thread in self._threads for each in thread.wrong]

    def end(self) -> None:
        """Nobody begins anything new; returns when the last is through."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def producers(count: int, *, sources: Sequence[str], seed: int, pause_seconds: float) -> Iterator[Producers]:
    """`count` at work until the block ends, with a pause of about `pause_seconds` between a client's transactions."""
    stopping = threading.Event()
    threads = [
        Producer(
            sources=sources,
            name=f"producer-{number}",
            seed=f"{seed}/{number}",
            pause_seconds=pause_seconds,
            stopping=stopping,
        )
        for number in range(count)
    ]
    at_work = Producers(threads, stopping)
    for thread in threads:
        thread.start()
    try:
        yield at_work
    finally:
        at_work.end()
