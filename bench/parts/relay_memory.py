"""What memory the relay needs for a backlog: the peak of a process that drains much against one that drains a tenth."""

from bench import outboxes
from bench.outboxes import Relay
from bench.parts.base import Bench, Finding, Limit, Study
from bench.service import BEHIND_THE_WEB

TENTH = 10
FLAT = 1.1
"""Ten times the backlog may take so many times the memory."""


def study(bench: Bench, *, relay: Relay) -> Study:
    def measure() -> Finding:
        large = bench.options.memory_backlog
        with bench.service.paused(*BEHIND_THE_WEB):
            peaks = {count: _peak_mib(relay, count) for count in (large // TENTH, large)}
        ratio = peaks[large] / peaks[large // TENTH]
        figures = {f"{count:,} events": peak for count, peak in peaks.items()}
        return Finding(figures, "MiB", [Limit("times the smaller", ratio, FLAT)])

    return Study("peak memory of the relay", measure)


def _peak_mib(relay: Relay, count: int) -> float:
    relay.tables.empty()
    return relay.drain(count, outboxes.REDIS).peak_kib / 1024
