"""Ratios, spreads and verdicts."""

from bench import table
from bench.client import Load
from bench.parts.base import OURS, Contender, Part, Target


def loads(*rates: int) -> list[Load]:
    return [Load(rate * 2, 2.0, 0.1) for rate in rates]


PART = Part(
    name="things",
    unit="things",
    contenders=[Contender("peer", "does it too", lambda: Load(1, 1, 0)), Contender(OURS, "", lambda: Load(1, 1, 0))],
    targets=[Target(ratio=0.5, of="peer"), Target(rate=100)],
)
ROUNDS = {"peer": loads(100, 200, 400), OURS: loads(90, 100, 80)}


def test_a_ratio_is_the_median_over_rounds_of_each_rounds_own() -> None:
    """0.9, 0.5 and 0.2 make 0.5; the medians alone would say 90 over 200."""
    shown = table.as_json(PART, ROUNDS)
    assert shown["ratios"] == {"peer": 0.5}


def test_a_target_says_whether_it_is_reached() -> None:
    """Against a contender, and per second."""
    shown = [line.strip() for line in table.lines(PART, ROUNDS) if "target" in line]
    assert shown == ["target ≥ 0.5 of peer: 0.5 reached", "target ≥ 100 per second: 90 MISSED"]


def test_the_table_shows_median_and_spread_of_each_contender() -> None:
    """With what it did, below."""
    lines = table.lines(PART, ROUNDS)
    peer = next(number for number, line in enumerate(lines) if line.strip().startswith("peer"))
    assert lines[peer].split() == ["peer", "200", "100", "…", "400", "0.50", "10%"]
    assert lines[peer + 1].strip() == "does it too"


def test_the_table_says_how_much_of_the_work_behind_the_web_was_done() -> None:
    """A rate of payments that nobody settles would flatter; who settles none says nothing."""
    ours = [Load(10, 1.0, 0.1, settled=share) for share in (0.2, 0.6, 0.5)]
    lines = table.lines(PART, ROUNDS | {OURS: ours})
    assert [line.strip() for line in lines if "settled" in line] == ["settled when a round ended: 50% of its payments"]


def test_percentiles_are_values_that_were_measured() -> None:
    """Nearest rank, also of a handful."""
    assert table.percentiles([float(value) for value in range(1, 101)]) == {"p50": 51.0, "p95": 96.0, "p99": 100.0}
    assert table.percentiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
