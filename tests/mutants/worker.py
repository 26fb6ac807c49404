"""One of the processes of `make mutants`: python -m tests.mutants.worker MUTANTS VERDICTS, both lines of JSON."""

import dataclasses
import json
import os
import pathlib
import sys
import tempfile
from typing import Any

import pytest

from tests.mutants import cold, forking
from tests.mutants.verdicts import Mutant, TestRun, Verdict
from tests.mutants.warm import Warm
from tests.servers import die_with_parent

PYTEST = [
    "-q",
    "--no-header",
    "--tb=no",
    "--capture=sys",
    "--timeout=0",
    "-pno:cacheprovider",
    "-Wignore::pytest.PytestAssertRewriteWarning",
]
WARM_SECONDS = 4 * 3600


def main(mutants_file: str, verdicts_file: str) -> None:
    die_with_parent()
    mutants = [_read(line) for line in pathlib.Path(mutants_file).read_text().splitlines()]
    cold.preload()
    with tempfile.TemporaryDirectory(prefix="quittance-mutants-") as folder, open(verdicts_file, "a") as verdicts:

        def tell(mutant: Mutant, verdict: Verdict) -> None:
            print(json.dumps({"number": mutant.number} | dataclasses.asdict(verdict)), file=verdicts, flush=True)

        snapshot = f"{folder}/database"
        answer = forking.in_a_copy(lambda: _warm(mutants, tell, snapshot), timeout_seconds=WARM_SECONDS)
        if answer is None:
            raise SystemExit("The tests cannot be run.")
        runs = [TestRun.from_json(each) for each in answer["runs"]]
        left = [mutant for mutant in mutants if mutant.number in answer["cold"]]
        arguments = [*PYTEST, *_reusing()]
        cold.check_that_no_change_is_not_killed(left, runs, arguments, snapshot)
        cold.try_all(left, runs, arguments, snapshot, tell)


def _read(line: str) -> Mutant:
    stored = json.loads(line)
    return Mutant(**stored | {"tests": tuple(stored["tests"])})


def _warm(mutants: list[Mutant], tell: Any, snapshot: str) -> dict[str, Any]:
    plugin = Warm(mutants, tell, snapshot)
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    status = pytest.main([*PYTEST, "--reuse-db", "--create-db", *_outermost(tests)], plugins=[plugin])
    if status != pytest.ExitCode.OK:
        raise SystemExit(f"pytest ends with {status!r}")
    return {"cold": [mutant.number for mutant in plugin.cold], "runs": [run.to_json() for run in plugin.runs]}


def _outermost(tests: list[str]) -> list[str]:
    """Without what is in a folder that is there too: pytest would collect it twice."""
    return [test for test in tests if not any(test != other and test.startswith(f"{other}/") for other in tests)]


def _reusing() -> list[str]:
    """MariaDB's database is still there."""
    return ["--reuse-db"] if os.environ["DATABASE_URL"].startswith("mysql") else []


if __name__ == "__main__":
    main(*sys.argv[1:])
