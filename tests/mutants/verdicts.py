"""What is known of a mutant, of a test, and of the two together. No Django here: it is used before that is loaded."""

import dataclasses
from collections.abc import Iterable
from typing import Any


@dataclasses.dataclass(frozen=True)
class TestRun:
    """One test without any mutant: how long it took, and the (file, line) of each statement it reached."""

    __test__ = False

    test: str
    seconds: float
    is_transactional: bool
    reached: frozenset[tuple[str, int]]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"reached": sorted(self.reached)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "TestRun":
        return cls(**stored | {"reached": frozenset((file, line) for file, line in stored["reached"])})


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change. `which` tells apart those that read alike; `tests` are folders and files."""

    number: int
    module: str
    subject: str
    operator: str
    line: int
    function: str
    before: str
    after: str
    which: int
    source: str
    tests: tuple[str, ...]

    def tests_among(self, runs: Iterable[TestRun], places: set[tuple[str, int]]) -> list[TestRun]:
        """Those that reach one of `places`."""
        return in_order(run for run in runs if run.reached & places and run.test.startswith(self.tests))

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.operator}: {self.before} => {self.after}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """`killed` by the test named in `detail`, `timeout`, or `survived` the tests counted there."""

    status: str
    detail: str

    @classmethod
    def of(cls, killer: str, *, tried: int) -> "Verdict":
        return cls("killed", killer) if killer else cls("survived", f"{tried} tests")

    @property
    def is_killed(self) -> bool:
        return self.status != "survived"


def in_order(runs: Iterable[TestRun]) -> list[TestRun]:
    """Quick ones first; what empties the database comes after what needs it."""
    return sorted(runs, key=lambda run: (run.is_transactional, run.seconds))


def limit_for(runs: Iterable[TestRun]) -> float:
    """Seconds, generous: a mutant that is slow for another reason must not count as killed."""
    return 20 + 5 * sum(run.seconds for run in runs)
