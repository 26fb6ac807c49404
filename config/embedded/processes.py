"""Child processes: started, watched, started again, and never left behind."""

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 10.0
"""How long children may take to finish what they are doing after TERM; then they are killed."""
STEADY_SECONDS = 10.0
"""A child that lived this long starts its backoff from the beginning."""
BASE_BACKOFF_SECONDS = 0.25
MAX_BACKOFF_SECONDS = 5.0


@dataclasses.dataclass
class Child:
    """One process in a group of its own, so that its own children go with it."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    failures: int = 0
    start_at: float = 0.0
    """When to start it, or start it again (monotonic seconds)."""


class Supervisor:
    """Keeps its children running until `stop`. Each child's output is appended to `<logs>/<name>.log`."""

    def __init__(
        self,
        children: Mapping[str, Sequence[str]],
        *,
        environment: Mapping[str, str],
        logs: Path,
        say: Callable[[str], None],
    ) -> None:
        self.children = [Child(name, command) for name, command in children.items()]
        self._environment = dict(environment)
        self._logs = logs
        self._say = say
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)

    def tend(self) -> None:
        """One look at every child: start those that are due, notice those that ended. Call it a few times a second."""
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child)
            if child.process is None and time.monotonic() >= child.start_at:
                self._start(child)

    def stop(self) -> None:
        """TERM to every group, STOP_SECONDS of patience, then KILL to whatever is left of each group."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in running:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()

    def log_of(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _start(self, child: Child) -> None:
        with self.log_of(child.name).open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_end_with(os.getpid()),
            )
        child.started_at = time.monotonic()

    def _bury(self, child: Child) -> None:
        """What the dead child left in its group goes too: an orphaned web worker would keep the port."""
        assert child.process is not None
        _signal_group(child.process.pid, signal.SIGKILL)
        steady = time.monotonic() - child.started_at > STEADY_SECONDS
        child.failures = 1 if steady else child.failures + 1
        pause = min(MAX_BACKOFF_SECONDS, BASE_BACKOFF_SECONDS * 2 ** (child.failures - 1))
        child.start_at = time.monotonic() + pause
        self._say(f"{child.name} {_ended(child.process.returncode)}; starting it again in {pause:g} s")
        child.process = None


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _ended(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _end_with(parent: int) -> Callable[[], None]:
    """On Linux the kernel sends TERM to the child when `parent` is killed; other systems have no such thing."""

    def before_exec() -> None:
        if sys.platform == "linux":
            pr_set_pdeathsig = 1
            ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return before_exec
