"""Mutants of function bodies: the tests are collected once, and each mutant gets a copy of this process.

What is known by then: how long each test takes and which statements it reaches. A mutant gets only the tests that
reach the statement it changes, quick ones first, until one fails.
"""

import itertools
import pathlib
import sqlite3
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.mutants import forking
from tests.mutants.codes import Loaded, NotAFunction, changed_functions, report_statements, statement_of
from tests.mutants.verdicts import Mutant, TestRun, Verdict, in_order, limit_for

BASELINE_SECONDS = 1800


class Warm:
    """A pytest plugin that, in place of running the tests, runs them against each mutant.

    Mutants that take effect at import only are left in `cold`, and what the tests reach in `runs`.
    """

    def __init__(self, mutants: list[Mutant], tell: Callable[[Mutant, Verdict], None], snapshot: str) -> None:
        self.mutants = mutants
        self.tell = tell
        self.snapshot = snapshot
        self.cold: list[Mutant] = []
        self.runs: list[TestRun] = []
        self._sources = {str(pathlib.Path(each.module).resolve()): each.module for each in mutants}
        self._called_at_import: set[tuple[str, int]] = set()
        self._failed = False
        sys.settrace(self._note_call)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise pytest.UsageError("the tests cannot be collected")
        self._make_database(session.items)
        sys.settrace(None)
        loaded = Loaded(self._sources)
        self.runs = self._baseline(session.items, loaded)
        items = {item.nodeid: item for item in session.items}
        for mutant in self.mutants:
            self._try(mutant, loaded, items)
        return True

    def _note_call(self, frame: types.FrameType, event: str, argument: Any) -> None:
        if frame.f_code.co_filename in self._sources:
            self._called_at_import.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    def _make_database(self, items: list[pytest.Item]) -> None:
        """By running one test that needs it; not torn down, as more follow."""
        first = next(item for item in items if item.get_closest_marker("django_db") and not _is_transactional(item))
        self._run(first)
        if self._failed:
            raise pytest.UsageError(f"{first.nodeid} fails without any mutant")
        _leave_database(self.snapshot)

    def _run(self, item: pytest.Item, following: pytest.Item | None = None) -> None:
        """What it shares with the test that follows stays; what it shares with the whole session stays anyway."""
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following or item.session)

    def _baseline(self, items: list[pytest.Item], loaded: Loaded) -> list[TestRun]:
        found = forking.in_a_copy(lambda: list(self._measure(items, loaded)), timeout_seconds=BASELINE_SECONDS)
        runs = [TestRun.from_json(each) for each in found or []]
        by_name = {item.nodeid: item for item in items}
        order = [by_name[run.test] for run in in_order(runs)]
        failed = forking.in_a_copy(lambda: list(self._failing(order)), timeout_seconds=BASELINE_SECONDS) or []
        for test in by_name.keys() - {run.test for run in runs} | set(failed):
            print(f"left out, as it fails without any change: {test}", file=sys.__stderr__, flush=True)
        return [run for run in runs if run.test not in failed]

    def _failing(self, items: list[pytest.Item]) -> Iterator[str]:
        """Without any mutant, in the order mutants get them: who needs another before it tells nothing either."""
        for item, following in itertools.zip_longest(items, items[1:]):
            self._failed = False
            self._run(item, following)
            if self._failed:
                yield item.nodeid

    def _measure(self, items: list[pytest.Item], loaded: Loaded) -> Iterator[dict[str, Any]]:
        """Every test that passes as it is; a test that does not can tell nothing about mutants."""
        reached: set[tuple[str, int]] = set()
        for path, module in self._sources.items():
            source = pathlib.Path(module).read_text()
            loaded.replace(report_statements(path, source, lambda *place: reached.add(place)))
        for item, following in itertools.zip_longest(items, items[1:]):
            reached.clear()
            self._failed = False
            began = time.monotonic()
            self._run(item, following)
            if not self._failed:
                run = TestRun(item.nodeid, time.monotonic() - began, _is_transactional(item), frozenset(reached))
                yield run.to_json()

    def _try(self, mutant: Mutant, loaded: Loaded, items: dict[str, pytest.Item]) -> None:
        path, source = str(pathlib.Path(mutant.module).resolve()), pathlib.Path(mutant.module).read_text()
        try:
            changes = changed_functions(path, source, mutant.source)
        except NotAFunction:
            self.cold.append(mutant)
            return
        if any((file, line) in self._called_at_import for file, _, line in changes):
            self.cold.append(mutant)
            return
        reaching = mutant.tests_among(self.runs, {(path, line) for line in statement_of(source, mutant.line)})
        chosen = [items[run.test] for run in reaching]
        try:
            killer = forking.in_a_copy(
                lambda: self._killer(chosen, loaded, changes), timeout_seconds=limit_for(reaching)
            )
        except forking.TimedOut:
            forking.in_a_copy(_empty_database, timeout_seconds=60)
            self.tell(mutant, Verdict("timeout", f"{len(reaching)} tests"))
            return
        # A copy that ended without an answer was ended by its mutant.
        self.tell(mutant, Verdict.of("the process ended" if killer is None else killer, tried=len(reaching)))

    def _killer(self, items: list[pytest.Item], loaded: Loaded, changes: Any) -> str:
        loaded.replace(changes)
        self._failed = False
        for item, following in itertools.zip_longest(items, items[1:]):
            self._run(item, following)
            if self._failed:
                return item.nodeid
        return ""


def _is_transactional(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    names = getattr(item, "fixturenames", ())
    return bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in names or "live_server" in names


def _leave_database(snapshot: str) -> None:
    """SQLite's, in memory, is copied with the process, and to a file; to MariaDB each copy connects by itself."""
    from django.db import connection, connections

    if connection.vendor == "sqlite":
        with sqlite3.connect(snapshot) as copy:
            connection.connection.backup(copy)
        return
    connections.close_all()


def _empty_database() -> None:
    """After a copy was killed in the middle of a test."""
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor != "sqlite":
        call_command("flush", verbosity=0, interactive=False)
