"""Ratios, spreads and verdicts."""

import dataclasses

from bench import table
from bench.client import Load
from bench.parts.base import OURS, Contender, Finding, Limit, Part, Study, Target


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


def test_a_target_may_be_for_another_contender_than_ours() -> None:
    """Its rate over that of whom it is compared with, and the line says whose."""
    part = dataclasses.replace(PART, targets=[Target(ratio=3, of=OURS, by="peer"), Target(rate=100, by="peer")])
    shown = [line.strip() for line in table.lines(part, ROUNDS) if "target" in line]
    assert shown == ["target ≥ 3 of quittance by peer: 2 MISSED", "target ≥ 100 per second by peer: 200 reached"]
    assert [each["by"] for each in table.as_json(part, ROUNDS)["targets"]] == ["peer", "peer"]


def test_a_study_shows_its_figures_and_says_whether_they_stay_below_their_limits() -> None:
    """A limit that is just met is kept."""
    study = Study("waiting", lambda: finding)
    finding = Finding({"p50": 50.0, "p99": 251.5}, "ms", [Limit("ms at p50", 50, 50), Limit("ms at p99", 251.5, 250)])
    title, *figures, p50, p99, end = table.study_lines(study, finding)
    assert (title, end) == ("waiting, ms", "")
    assert [figure.split() for figure in figures] == [["p50", "50.0"], ["p99", "251.5"]]
    assert p50.strip() == "target ≤ 50 ms at p50: 50 reached"
    assert p99.strip() == "target ≤ 250 ms at p99: 251.5 MISSED"


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
