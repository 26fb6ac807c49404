"""Starting `manage.py run_embedded` as a person would, on data of its own, and finding every process it made."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.embedded.environment import free_port
from tests.architecture.source import ROOT

READY = "Ctrl-C stops everything"
START_TIMEOUT_SECONDS = 90
INHERITED = {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV"}


class Run:
    """One embedded run. `lines` is what it has printed so far."""

    def __init__(self, data_dir: Path, *, port: int | None = None, **variables: str) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.lines: list[str] = []
        environment = {name: value for name, value in os.environ.items() if name in INHERITED}
        environment |= {"DATA_DIR": str(data_dir), "PORT": str(self.port)} | variables
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run_embedded"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def credentials(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data_dir / "credentials.json").read_text())
        return found

    def wait_until_ready(self) -> "Run":
        """Return once it says so; fail with what it printed when it ends before or takes too long."""
        until(lambda: READY in self.output or self.process.poll() is not None, seconds=START_TIMEOUT_SECONDS)
        assert READY in self.output, f"{self.output}\n{self.logs()}"
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(30)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def clean_up(self) -> None:
        """Leave nothing behind, whatever a test did or failed to do. Ending takes seconds, being killed takes none."""
        self.process.kill()
        self.wait()
        for each in processes_of(self.data_dir):
            each.kill()

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}"
            for path in sorted((self.data_dir / "logs").glob("*.log"))
        )


@dataclasses.dataclass(frozen=True)
class Found:
    """A live process: its id and its command line."""

    pid: int
    command: str

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def processes_of(data_dir: Path) -> list[Found]:
    """Every process, whatever its parent, group or session, that was started for this data directory."""
    mark = f"DATA_DIR={data_dir}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment, command = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in environment + b"\0" and command:
            found.append(Found(int(entry.name), command.replace(b"\0", b" ").decode(errors="replace").strip()))
    return found


def processes_named(data_dir: Path, word: str) -> list[Found]:
    """Those of `processes_of` with `word` in their command line: "granian", "worker", "beat", "provider_simulator"."""
    return [each for each in processes_of(data_dir) if f" {word} " in f" {each.command} "]


def until(true: Callable[[], object], *, seconds: float) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False
