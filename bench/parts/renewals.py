"""Subscriptions that are due at once: how many a second are renewed, by one process and by several, in what memory."""

import contextlib
import dataclasses
import os
import subprocess
import sys
from urllib.parse import urlsplit

from bench import competition
from bench.parts.base import Bench, Finding, Limit, Study
from bench.service import BEHIND_THE_WEB

TENTH = 10
PROCESSES = (2, 4)
FLAT = 1.1
"""Ten times as many due may take so many times the memory, and as long for each."""


@dataclasses.dataclass(frozen=True)
class Renewed:
    """What some processes did together; `peak_mib` is that of the largest."""

    per_second: float
    cpu_ms_each: float
    peak_mib: float


def study(bench: Bench) -> Study:
    """On a database of its own, with nudges that nobody hears."""
    many = bench.options.renewals
    few = many // TENTH

    def measure() -> Finding:
        environment = _environment()
        with bench.service.paused(*BEHIND_THE_WEB):
            found = {
                (count, processes): _renew(bench, environment, count=count, processes=processes)
                for count, processes in ((few, 1), *((few, each) for each in PROCESSES), (many, 1))
            }
            few_again = _renew(bench, environment, count=few, processes=1)
        figures: dict[str, float] = {}
        for (count, processes), renewed in found.items():
            figures[f"{count:,} due, {processes} at it: renewals/s"] = renewed.per_second
            figures[f"{count:,} due, {processes} at it: ms of CPU each, without MariaDB's"] = renewed.cpu_ms_each
            figures[f"{count:,} due, {processes} at it: peak MiB"] = renewed.peak_mib
        one, all_of_them = found[few, 1], found[many, 1]
        limits = [
            Limit("times the time for each", _mean(one, few_again) / all_of_them.per_second, FLAT),
            Limit("times the memory", all_of_them.peak_mib / one.peak_mib, FLAT),
        ]
        return Finding(figures, "with durable commits", limits)

    return Study("renewals", measure)


def _mean(before: Renewed, after: Renewed) -> float:
    """How many a second; the machine may be slower in the end than it was, whatever is renewed."""
    return 2 / (1 / before.per_second + 1 / after.per_second)


def _environment() -> dict[str, str]:
    url = competition.copy_schema(os.environ["DATABASE_URL"], name="quittance_renewals")
    redis = urlsplit(os.environ["REDIS_URL"])._replace(path="/15").geturl()
    return {**os.environ, "DATABASE_URL": url, "REDIS_URL": redis}


def _renew(bench: Bench, environment: dict[str, str], *, count: int, processes: int) -> Renewed:
    reports = [bench.folder / f"renew-{number}.report" for number in range(processes)]
    with (bench.folder / "logs" / "renew_once.log").open("wb") as log, contextlib.ExitStack() as running:
        seed = [sys.executable, "-m", "bench.seed_renewals", str(count)]
        subprocess.run(seed, env=environment, stdout=log, stderr=log, check=True)
        started = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "bench.renew_once", str(report)], env=environment, stdout=log, stderr=log
                )
            )
            for report in reports
        ]
        assert [process.wait() for process in started] == [0] * processes
    found = [[float(figure) for figure in report.read_text().split()] for report in reports]
    steps, seconds, cpu_seconds, peaks_kib = zip(*found, strict=True)
    assert sum(steps) == count, f"{sum(steps)} of {count} were renewed"
    return Renewed(
        per_second=count / max(seconds), cpu_ms_each=sum(cpu_seconds) / count * 1e3, peak_mib=max(peaks_kib) / 1024
    )
