"""Mutants that take effect when a module is imported: state tables, decorators, constants.

Each gets a copy of a process that has loaded what we depend on and nothing of ours.
"""

import dataclasses
import importlib.machinery
import importlib.util
import os
import pathlib
import sqlite3
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.mutants import forking
from tests.mutants.codes import statement_of
from tests.mutants.verdicts import Mutant, TestRun, Verdict, limit_for

MAX_TEST_SECONDS = 20
PRELOADED = (
    "celery",
    "django.contrib.admin",
    "django.db.backends.sqlite3.base",
    "django.test",
    "django_filters",
    "drf_spectacular.openapi",
    "httpx",
    "hypothesis",
    "pydantic",
    "pytest_django.plugin",
    "redis",
)


def preload() -> None:
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except Exception:
            """It needs the settings: each copy loads it by itself."""


def check_that_no_change_is_not_killed(
    mutants: list[Mutant], runs: list[TestRun], arguments: list[str], snapshot: str
) -> None:
    """All their tests on a module as it is: else mutants could die of how they are run."""
    if not mutants:
        return
    chosen = list(dict.fromkeys(run for mutant in mutants for run in tests_for(mutant, runs)))
    unchanged = dataclasses.replace(mutants[0], source=pathlib.Path(mutants[0].module).read_text())
    timeout = 60 + limit_for(chosen)
    killer = forking.in_a_copy(lambda: _killer(unchanged, chosen, arguments, snapshot), timeout_seconds=timeout)
    if killer != "":
        raise SystemExit(f"{killer} fails without any change.")


def try_all(
    mutants: list[Mutant],
    runs: list[TestRun],
    arguments: list[str],
    snapshot: str,
    tell: Callable[[Mutant, Verdict], None],
) -> None:
    for mutant in mutants:
        chosen = tests_for(mutant, runs)
        if not chosen:
            tell(mutant, Verdict("survived", "0 tests"))
            continue
        try:
            killer = forking.in_a_copy(
                lambda mutant=mutant, chosen=chosen: _killer(mutant, chosen, arguments, snapshot),  # type: ignore[misc]
                timeout_seconds=60 + limit_for(chosen),
            )
        except forking.TimedOut:
            tell(mutant, Verdict("timeout", f"{len(chosen)} tests"))
            continue
        tell(mutant, Verdict.of("the process ended" if killer is None else killer, tried=len(chosen)))


def tests_for(mutant: Mutant, runs: list[TestRun]) -> list[TestRun]:
    """Those that reach the function it decorates, or anything in its module; as many as are worth a mutant's time."""
    path, source = str(pathlib.Path(mutant.module).resolve()), pathlib.Path(mutant.module).read_text()
    places = {(path, line) for line in statement_of(source, mutant.line)}
    of_module = {place for run in runs for place in run.reached if place[0] == path}
    near = [run for run in runs if mutant.tests[0].endswith(".py") and run.test.startswith(mutant.tests[0])]
    chosen = list(dict.fromkeys([*near, *mutant.tests_among(runs, places or of_module)]))
    return [run for place, run in enumerate(chosen) if sum(each.seconds for each in chosen[:place]) < MAX_TEST_SECONDS]


def _killer(mutant: Mutant, chosen: list[TestRun], arguments: list[str], snapshot: str) -> str:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # A mutant that cannot be imported says so there.
    sys.meta_path.insert(0, _Finder(mutant))
    _use_snapshot(snapshot)
    watcher = _Watcher({run.test for run in chosen})
    files = dict.fromkeys(run.test.partition("::")[0] for run in chosen)
    status = pytest.main([*arguments, "--exitfirst", *files], plugins=[watcher])
    return "" if status == pytest.ExitCode.OK else watcher.failed or f"pytest ends with {status!r}"


class _Watcher:
    """Runs only the chosen tests, and remembers which has failed.

    Chosen by function: a mutant may change the parameters that stand in a test's name.
    """

    def __init__(self, chosen: set[str]) -> None:
        self.failed = ""
        self._chosen = {_function(test) for test in chosen}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if _function(item.nodeid) in self._chosen]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


def _function(test: str) -> str:
    return test.partition("[")[0]


class _Finder:
    """Finds the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = mutant.module.removesuffix(".py").replace("/", ".")
        self._mutant = mutant

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name != self._name:
            return None
        file = str(pathlib.Path(self._mutant.module).resolve())
        return importlib.util.spec_from_file_location(name, file, loader=_Loader(name, file, self._mutant.source))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> Any:
        """Never from a file of bytecode, nor into one."""
        return compile(self._source, self.path, "exec", dont_inherit=True)


def _use_snapshot(snapshot: str) -> None:
    """The database is read from a file instead of made by migrations, which no mutant changes."""
    from django.db.backends.sqlite3.creation import DatabaseCreation

    def create_test_db(self: Any, *_: Any, **__: Any) -> str:
        name: str = self._get_test_db_name()
        self.connection.close()
        self.connection.settings_dict["NAME"] = name
        self.connection.ensure_connection()
        with sqlite3.connect(snapshot) as copy:
            copy.backup(self.connection.connection)
        return name

    DatabaseCreation.create_test_db = create_test_db  # type: ignore[method-assign]
