"""What each hot path spends its time on: `make profile`, or `python -m bench.profile`.

One process, no server and no worker: the numbers are what the code costs, not what the service delivers.
DATABASE_URL and REDIS_URL make it use your servers instead of bringing up its own.
"""

import argparse
import contextlib
import cProfile
import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import profile_stats, servers

if TYPE_CHECKING:
    from bench.hot_paths import Call, HotPath

FOLDER = Path(__file__).resolve().parent.parent / ".local" / "bench"
WARM_UP = 20
SHOWN = 15
EVENTS_PER_CALL = 100
WHOLE = 0.9
"""What takes this share of everything is the frame around it and says nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Profile the hot paths in one process.")
    parser.add_argument("--only", action="append", help="one path (repeatable): create, pay, webhook, …")
    parser.add_argument("--calls", type=int, default=300, help="calls per pass; 100 events of the relay for each")
    parser.add_argument("--top", type=int, default=SHOWN, help="functions shown")
    options = parser.parse_args()
    with servers.urls(FOLDER, given=os.environ) as urls:
        os.environ.update(urls)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
        _profile_all(_set_up(), options)


def _set_up() -> "list[HotPath]":
    """Django, with everything it logs and publishes in a file: the report stays readable."""
    import django
    from django.core.management import call_command

    FOLDER.mkdir(parents=True, exist_ok=True)
    log = (FOLDER / "profile.log").open("w")
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        from bench.hot_paths import Shop

        return Shop().paths()


def _profile_all(paths: "list[HotPath]", options: argparse.Namespace) -> None:
    from config.celery import app

    unknown = set(options.only or ()) - {path.name for path in paths}
    if unknown:
        raise SystemExit(f"No such path: {', '.join(unknown)}. There are {', '.join(path.name for path in paths)}.")
    try:
        for path in paths:
            if not options.only or path.name in options.only:
                _profile(path, options)
    finally:
        # No worker has heard the nudges, and these servers may be somebody's.
        app.control.purge()


def _profile(path: "HotPath", options: argparse.Namespace) -> None:
    """Two passes over fresh calls: one as it is, for what it costs, one profiled, for where that goes."""
    units = options.calls * (EVENTS_PER_CALL if path.unit == "event" else 1)
    _run(path.prepare(min(WARM_UP, units)))
    calls = path.prepare(units)
    statements = _statements()
    cpu, wall = time.process_time(), time.perf_counter()
    _run(calls)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    statements = _statements() - statements
    calls = path.prepare(units)
    profiler = cProfile.Profile()
    profiler.enable()
    _run(calls)
    profiler.disable()
    profiled = profile_stats.read(profiler)
    cost = Cost(cpu=cpu / units, wall=wall / units, sent=statements / units, waiting=profiled.waiting / units)
    print("\n".join(_report(path, units, cost, profiled, options.top)), flush=True)


def _run(calls: "list[Call]") -> None:
    for call in calls:
        call()


def _statements() -> int:
    """How many this connection has sent so far, as the server counts them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one unit: seconds of CPU, of wall time, and of waiting for the database; statements sent to the server."""

    cpu: float
    wall: float
    waiting: float
    sent: float


def _report(path: "HotPath", units: int, cost: Cost, profiled: profile_stats.Profile, top: int) -> list[str]:
    def micro(seconds: float) -> str:
        return f"{seconds / units * 1e6:10,.0f}"

    total = sum(profiled.by_owner.values())
    lines = [
        "",
        f"== {path.name}: {cost.cpu * 1e6:,.0f} µs CPU, {cost.wall * 1e6:,.0f} µs wall per {path.unit} ({units:,})",
        f"   {cost.sent:.3g} statements sent (COMMIT and SET included); waiting for the database "
        f"{cost.waiting * 1e6:,.0f} µs, {cost.waiting / cost.wall:.0%} of wall",
        f"   Under the profiler {total / units * 1e6:,.0f} µs: shares count, not times.",
        "   by owner       own µs   share",
    ]
    for owner, seconds in sorted(profiled.by_owner.items(), key=lambda each: -each[1]):
        if seconds > total / 200:
            lines.append(f"   {owner:<20}{micro(seconds)} {seconds / total:7.1%}")
    inside = [each for each in profiled.functions if each.cumulative < WHOLE * total]
    shown = {
        "own": sorted(inside, key=lambda each: -each.own)[:top],
        "cumulative": sorted(inside, key=lambda each: -each.cumulative)[:top],
    }
    for title, functions in shown.items():
        lines.append(f"   by {title} time: calls, own µs, cumulative µs")
        for each in functions:
            counts = f"{each.calls / units:8.3g}{micro(each.own)}{micro(each.cumulative)}"
            lines.append(f"   {counts}  {each.name}")
    return lines


if __name__ == "__main__":
    main()
