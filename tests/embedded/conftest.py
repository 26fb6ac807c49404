import contextlib
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.embedded.runs import Run

StartRun = Callable[..., Run]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One xdist worker plays them all: each run has five processes, and this machine may have two cores."""
    for item in items:
        if "tests/embedded" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("embedded"))
            if sys.platform != "linux":
                item.add_marker(pytest.mark.skip(reason="processes are counted in /proc"))


@pytest.fixture
def start(standing: Run, tmp_path: Path) -> Iterator[StartRun]:
    """Starts runs on a copy of the standing run's data, which is migrated already; none outlives the test."""
    copy_of(standing.data_dir, to=tmp_path / "data")
    runs: list[Run] = []

    def start_run(*, port: int | None = None, **variables: str) -> Run:
        runs.append(Run(tmp_path / "data", port=port, **variables))
        return runs[-1]

    yield start_run
    for run in runs:
        run.clean_up()


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run that tests share as long as they leave it standing."""
    run = Run(tmp_path_factory.mktemp("embedded") / "data")
    try:
        yield run.wait_until_ready()
    finally:
        run.clean_up()


def copy_of(data_dir: Path, *, to: Path) -> None:
    """The keys, the credentials and the database of a run that goes on."""
    to.mkdir()
    for name in ("env", "credentials.json"):
        shutil.copy(data_dir / name, to)
    with (
        contextlib.closing(sqlite3.connect(data_dir / "quittance.sqlite3")) as source,
        contextlib.closing(sqlite3.connect(to / "quittance.sqlite3")) as target,
    ):
        source.backup(target)
