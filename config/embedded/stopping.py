"""When the embedded run should end: INT, TERM or HUP, to it or to the `make` that started it."""

import os
import signal
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MASK = sum(1 << number - 1 for number in SIGNALS)


class Stopped(Exception):
    """Somebody asked for the end."""


class StopRequest:
    """Remembers the first signal. A handler that raised could do so while a child is being started, and lose it."""

    def __init__(self) -> None:
        self._received = False
        self._make = _Make() if os.environ.get("MAKELEVEL") else None
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received = True

    def check(self) -> None:
        """Raise Stopped once a signal came."""
        if self._received or (self._make and self._make.is_ending()):
            raise Stopped


class _Make:
    """GNU make passes a TERM on, but after an INT or a HUP sent to it alone it waits for us for ever.

    It gives the signal's handler up when it gets it, and that shows in /proc. Elsewhere only its death is seen.
    """

    def __init__(self) -> None:
        self._pid = os.getppid()
        self._caught = self._catches()

    def is_ending(self) -> bool:
        return os.getppid() != self._pid or bool(self._caught & ~self._catches() & MASK)

    def _catches(self) -> int:
        try:
            status = Path(f"/proc/{self._pid}/status").read_text()
        except OSError:
            return 0
        return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt:")), 0)
