"""How long it is from a commit to the stream at a steady load, with the relay as it is deployed."""

import subprocess
import sys
import time
from pathlib import Path

from bench import table
from bench.outboxes import STREAM, Relay
from bench.parts.base import Bench, Finding, Limit, Study

TIMEOUT_SECONDS = 60
"""For the relay to start, and for the last event to arrive."""
LIMITS_MS = {"p50": 50, "p99": 250}


def study(bench: Bench, *, relay: Relay) -> Study:
    """One event a commit, each timed until XREAD hands it out, by this machine's clock."""
    per_second, seconds = bench.options.events_per_second, bench.options.rounds * bench.options.seconds

    def measure() -> Finding:
        relay.tables.empty()
        relay.redis.empty()
        with bench.service.paused("relay"), relay.running():
            reader = _Reader(relay)
            _time(relay, reader, bench.folder / "committed", per_second=1, seconds=1)
            return _finding(_time(relay, reader, bench.folder / "committed", per_second=per_second, seconds=seconds))

    return Study(f"commit to stream at {per_second:g} events a second", measure)


def _time(relay: Relay, reader: "_Reader", report: Path, *, per_second: float, seconds: float) -> list[float]:
    """Seconds from commit to stream, sorted."""
    command = [sys.executable, "-m", "bench.commit_events", str(report), str(per_second), str(seconds)]
    with subprocess.Popen(command, env=relay.environment) as committing:
        arrived = reader.read(int(per_second * seconds), within_seconds=seconds + TIMEOUT_SECONDS)
        assert committing.wait(TIMEOUT_SECONDS) == 0
    committed = dict(line.split() for line in report.read_text().splitlines())
    return sorted(arrived[id] - float(at) for id, at in committed.items())


class _Reader:
    """Reads the stream from its beginning on."""

    def __init__(self, relay: Relay) -> None:
        self._client = relay.redis.client
        self._latest = b"0"

    def read(self, count: int, *, within_seconds: float) -> dict[str, float]:
        """The next `count` events by id, with the times at which they were read. Raises TimeoutError."""
        arrived: dict[str, float] = {}
        deadline = time.monotonic() + within_seconds
        while len(arrived) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(arrived)} of {count} events are in the stream")
            for _, entries in self._client.xread({STREAM: self._latest}, block=1000):
                now = time.time()
                arrived |= {fields[b"id"].decode(): now for _, fields in entries}
                self._latest = entries[-1][0]
        return arrived


def _finding(latencies: list[float]) -> Finding:
    shown = {name: seconds * 1e3 for name, seconds in table.percentiles(latencies).items()}
    limits = [Limit(f"ms at {name}", shown[name], wanted) for name, wanted in LIMITS_MS.items()]
    return Finding({**shown, "max": latencies[-1] * 1e3, "n": len(latencies)}, "ms", limits)
