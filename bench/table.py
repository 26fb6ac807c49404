"""Measurements as a table for people and as JSON for whatever compares runs."""

import statistics
from typing import Any

from bench.client import Load
from bench.parts.base import OURS, Finding, Part, Study, Target

Rounds = dict[str, list[Load]]
"""Contender → one load per round."""


def lines(part: Part, rounds: Rounds) -> list[str]:
    """One line per contender, one per target."""
    found = [f"{part.name}, {part.unit}/s" + "median      min … max   ours/it  client".rjust(50)]
    for contender in part.contenders:
        rates = [load.rate for load in rounds[contender.name]]
        spread = f"{min(rates):,.0f} … {max(rates):,.0f}"
        ratio = "" if contender.name == OURS else f"{_ratio(rounds, contender.name):.2f}"
        client = f"{statistics.median(load.client_cpu for load in rounds[contender.name]):.0%}"
        found.append(f"  {contender.name:<28}{statistics.median(rates):12,.0f}{spread:>18}{ratio:>9}{client:>8}")
        found.append(f"      {contender.what}")
        settled = [load.settled for load in rounds[contender.name] if load.settled is not None]
        if settled:
            found.append(f"      settled when a round ended: {statistics.median(settled):.0%} of its payments")
    return [*found, *(_verdict(target, rounds) for target in part.targets), ""]


def _ratio(rounds: Rounds, other: str, ours: str = OURS) -> float:
    """Of each round by itself, then the median: what slows the whole machine for a while slows both."""
    return statistics.median(a.rate / b.rate for a, b in zip(rounds[ours], rounds[other], strict=True))


def _reached(target: Target, rounds: Rounds) -> tuple[float, float]:
    """(what is wanted, what is reached)."""
    if target.of:
        return target.ratio, _ratio(rounds, target.of, target.by)
    return target.rate, statistics.median(load.rate for load in rounds[target.by])


def _verdict(target: Target, rounds: Rounds) -> str:
    wanted, reached = _reached(target, rounds)
    what = f"of {target.of}" if target.of else "per second"
    by = "" if target.by == OURS else f" by {target.by}"
    return f"  target ≥ {wanted:,g} {what}{by}: {reached:,.4g} {'reached' if reached >= wanted else 'MISSED'}"


def as_json(part: Part, rounds: Rounds) -> dict[str, Any]:
    """Everything measured: loads of each round, ratios, targets."""
    return {
        "name": part.name,
        "unit": part.unit,
        "contenders": [
            {
                "name": contender.name,
                "what": contender.what,
                "rates": [load.rate for load in rounds[contender.name]],
                "client_cpu": [load.client_cpu for load in rounds[contender.name]],
                "units": [load.units for load in rounds[contender.name]],
                "settled": [load.settled for load in rounds[contender.name]],
            }
            for contender in part.contenders
        ],
        "ratios": {name: _ratio(rounds, name) for name in rounds if name != OURS},
        "targets": [
            dict(zip(("wanted", "reached"), _reached(target, rounds), strict=True))
            | {"of": target.of or "per second", "by": target.by}
            for target in part.targets
        ],
    }


def study_lines(study: Study, finding: Finding) -> list[str]:
    """Its figures, then one line per limit."""
    figures = [f"  {name:<56}{value:12,.1f}" for name, value in finding.figures.items()]
    limits = [
        f"  target ≤ {limit.wanted:,g} {limit.what}: {limit.reached:,.4g} "
        + ("reached" if limit.reached <= limit.wanted else "MISSED")
        for limit in finding.limits
    ]
    return [f"{study.name}, {finding.unit}", *figures, *limits, ""]


def latency_lines(latencies: dict[str, list[float]], *, pairs_per_second: float) -> list[str]:
    """Percentiles in milliseconds, timed from when a request was due."""
    title = f"latency at {pairs_per_second:g} purchases and as many webhooks a second, ms"
    found = [f"{title:<58}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}{'n':>7}"]
    for name, seconds in latencies.items():
        shown = "".join(f"{value * 1e3:8,.1f}" for value in (*percentiles(seconds).values(), seconds[-1]))
        found.append(f"  {name:<56}{shown}{len(seconds):7,}")
    return [*found, ""]


def percentiles(ordered: list[float]) -> dict[str, float]:
    """Nearest rank, of a sorted list that is not empty."""
    return {f"p{rank}": ordered[min(len(ordered) - 1, len(ordered) * rank // 100)] for rank in (50, 95, 99)}
