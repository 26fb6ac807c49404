"""The simulation and the interleavings are worth what they notice: each bug is put into a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.architecture.source import ROOT
from tests.planted_bugs.bugs import BUGS, Bug, Edit

SEEDS = 600
NOT_SOURCE = (".git", ".venv", ".local", "__pycache__", ".*_cache", ".hypothesis")
BY_SIMULATION = [bug for bug in BUGS if bug.says]
BY_INTERLEAVINGS = [bug for bug in BUGS if bug.interleavings]


def test_every_bug_can_still_be_made() -> None:
    """What it changes is there, once: a bug that is no bug any more shows nothing."""
    assert len(BUGS) == 14
    assert all(bool(bug.says) != bool(bug.interleavings) for bug in BUGS)
    for edit in edits():
        if edit.old:
            assert (ROOT / edit.path).read_text().count(edit.old) == 1, edit


def edits() -> Iterable[Edit]:
    for bug in BUGS:
        yield from bug.edits


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("bug", BY_SIMULATION, ids=lambda bug: bug.name.replace(" ", "-"))
def test_the_simulation_notices(bug: Bug, tmp_path: Path) -> None:
    """It names a seed and shrinks it; the shorter schedule breaks the same promise again, and without the bug none."""
    copy = copied_with(bug, tmp_path)
    found = simulate(copy, "--seeds", str(SEEDS), "--length", "25", "--jobs", "1", "--enough", "1")
    assert found.returncode == 1, found.stdout[-5000:]
    again = next(line for line in found.stdout.splitlines() if "again: " in line).partition("tests.simulation ")[2]
    print(bug.name, *found.stdout.splitlines()[:4], sep="\n")
    assert re.search(bug.says, found.stdout.splitlines()[1])
    replayed = simulate(copy, *again.split())
    assert replayed.returncode == 1
    assert found.stdout.splitlines()[1] in replayed.stdout.splitlines()
    clean = simulate(ROOT, *again.split())
    assert clean.returncode == 0, clean.stdout[-5000:]


def simulate(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=1000)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time: nothing is interleaved")
@pytest.mark.parametrize("bug", BY_INTERLEAVINGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_the_interleavings_notice(bug: Bug, tmp_path: Path) -> None:
    """Those that are in `make test` already."""
    copy = copied_with(bug, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/interleavings", "-k"]
    found = subprocess.run(
        [*command, bug.interleavings], cwd=copy, capture_output=True, text=True, timeout=1000, env=of_its_own()
    )
    assert found.returncode == 1, found.stdout[-5000:]
    assert "FAILED tests/interleavings/test_pairs.py" in found.stdout
    print(bug.name, found.stdout[-2000:], sep="\n")


def of_its_own() -> dict[str, str]:
    """The environment of a test run beside this one, on another database."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    without = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    url = os.environ["DATABASE_URL"]
    return without | {"DATABASE_URL": f"{url}_bug{worker}", "REDIS_URL": str(settings.CELERY_BROKER_URL)}


def copied_with(bug: Bug, folder: Path) -> Path:
    """The working tree's files with the bug in them."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_SOURCE), dirs_exist_ok=True)
    latest = max(path.stem for path in (folder / "payments/migrations").glob("0*.py"))
    for edit in bug.edits:
        path = folder / edit.path
        text = path.read_text().replace(edit.old, edit.new) if edit.old else edit.new.format(latest=latest)
        path.write_text(text)
    return folder
