"""Servers of a test's own that can be ended, started again on the same port, and frozen."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests import servers


class StoppableServer:
    """A process with whatever it starts, as one group; `start` returns when it answers."""

    def __init__(self, command: Sequence[str], *, log: Path, ready: Callable[[], bool]) -> None:
        self._command, self._log, self._ready = command, log, ready
        self._started = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Started, and killed when the block ends."""
        self.start()
        try:
            yield
        finally:
            self.kill()

    def start(self) -> None:
        self._process = self._started.enter_context(
            servers.running(self._command, log=str(self._log), ready=self._ready)
        )

    def stop(self, number: signal.Signals) -> None:
        """Returns when it has ended; stopping what does not run does nothing."""
        if self._process is not None:
            self._signal(number)
            self._process.wait()
            self._process = None
        self._started.close()

    def kill(self) -> None:
        """Without a word to anybody."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """From now on it is there, takes connections, and says nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)
