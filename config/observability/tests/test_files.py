"""Numbers of processes that come and go, in real processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

COUNT = """
from config.observability import counters
for _ in range({times}): counters.WEBHOOKS.count("p", "s")
counters.REQUEST_SECONDS.observe(0.02, "v", "GET", "2xx")
counters.TASK_LATEST.touch("t")
{more}
"""
TELL = """
from config.observability import files
print(sum(s.value for f in files.collect() for s in f.samples if s.name == "quittance_webhooks_total"))
"""


def run(folder: Path, *, times: int = 1, more: str = "", status: int = 0) -> str:
    """What it printed."""
    return process(folder, times=times, more=more, status=status).stdout.strip()


def process(folder: Path, *, times: int, more: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", COUNT.format(times=times, more=more)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stderr
    return done


def test_what_the_dead_have_counted_stays_and_their_files_go(tmp_path: Path) -> None:
    """Each new process moves the numbers of those that are gone, killed ones included, to one archive."""
    run(tmp_path, times=2)
    run(tmp_path, times=3, more="import os, signal; os.kill(os.getpid(), signal.SIGKILL)", status=-9)
    assert run(tmp_path, times=5, more=TELL) == "10.0"
    assert len(list(tmp_path.glob("counter_*.db"))) == 2
    assert run(tmp_path, times=7, more=TELL) == "17.0"
    names = sorted(path.name for path in tmp_path.glob("*_archive.db"))
    assert names == ["counter_archive.db", "gauge_max_archive.db", "histogram_archive.db"]


def test_a_forked_child_counts_in_files_of_its_own(tmp_path: Path) -> None:
    """And what its parent had counted is not counted twice."""
    fork = """
import os, sys
child = os.fork()
if child == 0:
    for _ in range(100): counters.WEBHOOKS.count("p", "s")
    os._exit(0)
os.waitpid(child, 0)
for _ in range(1000): counters.WEBHOOKS.count("p", "s")
"""
    assert run(tmp_path, times=10, more=fork + TELL) == "1110.0"
    assert len(list(tmp_path.glob("counter_*.db"))) == 2


def test_a_live_process_is_left_alone_whatever_its_id(tmp_path: Path) -> None:
    """A container beside this one may have the same host name and process id: the second takes another name."""
    second = """
import os, subprocess, sys
from config.observability import files
os.getpid = lambda pid=os.getpid(): pid
name, held = files._take_name()
print(name == f"{files._process.name()}-1")
files.archive_the_dead()
"""
    assert run(tmp_path, more=second + TELL).split() == ["True", "1.0"]


def test_a_folder_that_is_a_file_costs_the_count_only(tmp_path: Path) -> None:
    """Nothing raises, and the log says it once of each metric."""
    (tmp_path / "file").write_text("")
    logged = process(tmp_path / "file", times=3).stderr
    assert logged.count("quittance_webhooks is not counted") == 1, logged
    assert logged.count("is not counted") == 3, logged


def test_a_file_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    """What a full disk left empty costs its own numbers; the next process counts on."""
    (tmp_path / "dead-1.alive").write_text("")
    (tmp_path / "counter_dead-1.db").write_text("")
    run(tmp_path, more="counters.WEBHOOKS.count('p', 's')")
    assert (tmp_path / "counter_dead-1.broken").exists()
    assert not (tmp_path / "dead-1.alive").exists()
    assert run(tmp_path, more=TELL) == "3.0"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="only root can make a small disk")
def test_a_full_disk_costs_the_count_and_not_the_process(tmp_path: Path) -> None:
    """The library alone dies of SIGBUS; here the space is taken before anything is written into it."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr!r}")
    try:
        assert run(tmp_path, more="print('alive')") == "alive"
    finally:
        subprocess.run(["umount", tmp_path], check=True)
