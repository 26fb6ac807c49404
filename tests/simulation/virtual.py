"""What a process cannot decide for itself, decided by the seed: the time, its passing, and ids."""

from __future__ import annotations

import datetime
import sqlite3
import time
import types
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import time_machine
from django.db import connection

from config.kernel import ids
from outbox.models import SQLITE_TIME

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp()


class VirtualTime:
    """Stands still unless somebody sleeps or `pass_by` is called. Wall, business and database time are the same."""

    def __init__(self) -> None:
        self._travel = time_machine.travel(EPOCH, tick=False)
        self._now = EPOCH

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def start_over(self) -> None:
        """Back to the beginning, for another world."""
        self.pass_by(EPOCH - self._now)

    def pass_by(self, seconds: float) -> None:
        """Let `seconds` go by, to the microsecond."""
        self._now = round(self._now + seconds, 6)
        self._coordinates.move_to(self._now)

    @contextmanager
    def running(self) -> Iterator[VirtualTime]:
        """Everybody in this process goes by it; the database too."""
        with (
            self._travel as self._coordinates,
            mock.patch.object(time, "monotonic", self._monotonic),
            mock.patch.object(time, "sleep", self.pass_by),
        ):
            yield self

    def _monotonic(self) -> float:
        return self._now - EPOCH

    def tell(self, database: sqlite3.Connection) -> None:
        """SQLite's clock is the C library's: the one function that reads it here is replaced."""
        database.create_function("STRFTIME", -1, self._strftime)

    def _strftime(self, template: str, moment: str, *modifiers: str) -> str:
        assert (template, moment) == (SQLITE_TIME, "NOW"), (template, moment)
        seconds = sum(float(modifier.removesuffix(" seconds")) for modifier in modifiers)
        at = datetime.datetime.fromtimestamp(self._now + seconds, datetime.UTC)
        return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}000"


class CountedIds:
    """Version 7 UUIDs, counted where others are random, in the place of `uuid_utils`.

    Their times are those of machines whose clocks differ: `ahead_ms` is that of the one that is asked next.
    """

    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self._count = 0
        self.ahead_ms = 0
        self.compat = types.SimpleNamespace(uuid7=self.uuid7)

    def uuid7(self) -> uuid.UUID:
        self._count += 1
        head = (int(self._clock.now * 1000 + self.ahead_ms) << 80) | (7 << 76) | (2 << 62)
        return uuid.UUID(int=head | self._count)

    @contextmanager
    def given_out(self) -> Iterator[None]:
        """By the kernel."""
        with mock.patch.object(ids, "uuid_utils", self):
            yield


def database() -> Any:
    """The one connection below Django's."""
    connection.ensure_connection()
    return connection.connection
