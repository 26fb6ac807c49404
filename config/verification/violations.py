"""What is wrong, and how much of it."""

import collections
from collections.abc import Iterable
from typing import Any, NamedTuple


class Violation(NamedTuple):
    """What a check has found: about which row, what it should be, what it is."""

    check: str
    subject: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.check}: {self.subject}: expected {self.expected}, found {self.found}"


class Report:
    """Counts all violations of the `checks`, keeps the first `limit` of each."""

    def __init__(self, checks: Iterable[str], limit: int) -> None:
        self.checks = frozenset(checks)
        self._limit = limit
        self.counts: collections.Counter[str] = collections.Counter()
        self.violations: list[Violation] = []

    def add(self, violations: Iterable[Violation]) -> None:
        for violation in violations:
            if violation.check not in self.checks:
                continue
            self.counts[violation.check] += 1
            if self.counts[violation.check] <= self._limit:
                self.violations.append(violation)

    @property
    def total(self) -> int:
        return sum(self.counts.values())
