"""Relays as processes that can be killed, frozen and replaced; what each of them has said is kept."""

import contextlib
import itertools
import json
import re
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from django.conf import settings

from config.tests.servers import database_url
from outbox.models import Cursor, DatabaseNow
from outbox.tests.publishers.conformance import Entry
from tests.architecture.source import ROOT
from tests.stoppable import StoppableServer

LOOK_SECONDS = 0.05
_PASS = re.compile(r"^(sequenced \d+, .*) in [\d.]+ s$", re.MULTILINE)
_COUNT = re.compile(r"(\w+) (\d+)")


class Relay(StoppableServer):
    """`manage.py relay_outbox`; it is started when it says so."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self._said = log
        variables = [f"{name}={value}" for name, value in environment.items()]
        command = ["env", *variables, sys.executable, str(ROOT / "manage.py"), "relay_outbox"]
        super().__init__(command, log=log, ready=lambda: "relaying" in self.said)

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    @property
    def counts(self) -> Counter[str]:
        """The Progress of all its passes that came to their end."""
        found: Counter[str] = Counter()
        for summary in _PASS.findall(self.said):
            found.update({name: int(count) for name, count in _COUNT.findall(summary)})
        return found

    @property
    def ended_unasked(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def at_work(self, subscriber: str) -> Cursor | None:
        """The cursor of `subscriber` that it holds the lease of now."""
        assert self._process is not None
        owned = Cursor.objects.filter(lease_owner=f"{socket.gethostname()}:{self._process.pid}")
        return owned.filter(subscriber=subscriber, lease_expires_at__gt=DatabaseNow()).first()


class Fleet:
    """`relays` are at work; `gone` are those that were killed."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.relays: list[Relay] = []
        self.gone: list[Relay] = []
        self._folder, self._environment = folder, environment
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """One more, at work when this returns."""
        relay = Relay(self._folder / f"relay-{next(self._numbers)}.log", self._environment)
        relay.start()
        self.relays.append(relay)

    def kill(self, relay: Relay) -> None:
        relay.kill()
        self.relays.remove(relay)
        self.gone.append(relay)

    def watch_until(
        self, true: Callable[[], object], *, seconds: float, what: str, look_seconds: float = LOOK_SECONDS
    ) -> float:
        """The seconds it took. Asserts that it came true in time, and that no relay ended unasked meanwhile."""
        started = time.monotonic()
        while not true():
            assert not any(relay.ended_unasked for relay in self.relays), f"a relay ended by itself\n{self.told()}"
            assert time.monotonic() < started + seconds, f"not in {seconds} s: {what}\n{self.told()}"
            time.sleep(look_seconds)
        return time.monotonic() - started

    def freeze_at_work(self, relay: Relay, subscriber: str, *, told: str) -> Cursor:
        """The cursor of `subscriber` whose lease it holds as it stands still, wherever it is between claim and move."""
        held: list[Cursor] = []

        def stands_still() -> bool:
            if not relay.at_work(subscriber):
                return False
            relay.freeze()
            held.extend(filter(None, [relay.at_work(subscriber)]))
            if not held:
                relay.thaw()
            return bool(held)

        self.watch_until(stands_still, seconds=60, what=f"a lease of {subscriber}, {told}", look_seconds=0.002)
        return held[0]

    def total(self, name: str) -> int:
        """Of one figure of Progress."""
        return sum(relay.counts[name] for relay in self.relays + self.gone)

    def unsettled(self, subscriber: str) -> int:
        """How often a batch of `subscriber` may have gone out without its cursor moving, but for those killed at it."""
        of_any_shard = rf"{subscriber}/\d+"
        pattern = re.compile(rf"^(the lease of {of_any_shard} was lost|{of_any_shard} backs off)", re.MULTILINE)
        return sum(len(pattern.findall(relay.said)) for relay in self.relays + self.gone)

    def stop(self) -> None:
        """TERM to all; asserts that each ends as asked."""
        for relay in self.relays:
            relay.stop(signal.SIGTERM)
            assert relay.said.endswith("stopped\n"), relay.said[-3000:]

    def told(self) -> str:
        return "\n".join(f"--- relay {number}\n{relay.said[-3000:]}" for number, relay in enumerate(self.relays))


@contextlib.contextmanager
def fleet(
    folder: Path,
    relays: int,
    *,
    publishers: Mapping[str, Entry],
    lease_seconds: int | None = None,
) -> Iterator[Fleet]:
    """`relays` of them at work on this test's database; they are told to end with the block, and none outlives it."""
    folder.mkdir()
    entries = {name: {**entry, "events": ["*"]} for name, entry in publishers.items()}
    told = {
        "DJANGO_SETTINGS_MODULE": "tests.relay.settings",
        "DATABASE_URL": database_url(),
        "REDIS_URL": str(settings.CELERY_BROKER_URL),
        "RELAY_PUBLISHERS": json.dumps(entries),
        "RELAY_LEASE_SECONDS": "" if lease_seconds is None else str(lease_seconds),
    }
    started = Fleet(folder, told)
    try:
        for _ in range(relays):
            started.start()
        yield started
        started.stop()
    finally:
        for relay in started.relays:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                relay.kill()
