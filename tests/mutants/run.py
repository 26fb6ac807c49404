"""`make mutants`: how much the tests notice, and whether a mutant survives that nobody has judged.

python -m tests.mutants.run MAKER [PART…]: MAKER is a Python that has cosmic-ray; with PARTs only the modules whose
path contains one. Works on a copy of the working tree, and writes mutants into memory only. MUTANTS_VERBOSE=1 shows
what pytest says.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

from tests.mutants import report
from tests.mutants.targets import TARGETS
from tests.mutants.verdicts import Verdict

WORKERS = 2
SQLITE = {"DATABASE_URL": "sqlite://:memory:", "REDIS_URL": ""}
ON_SQLITE = {target.module: target.tests for target in TARGETS}
ON_MARIADB = {target.module: target.on_mariadb for target in TARGETS}


def main(maker: str, *parts: str) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="quittance-mutated-") as folder:
        copy_tree(folder)
        mutants = made(maker, folder, parts)
        print(f"{len(mutants)} mutants. First SQLite's tests.", flush=True)
        verdicts = judged(folder, mutants, ON_SQLITE, [SQLITE] * WORKERS)
        left = [each for each in mutants if ON_MARIADB[each["module"]] and not verdicts[each["number"]].is_killed]
        if left and os.environ.get("DATABASE_URL", "").startswith("mysql"):
            print(f"MariaDB's tests for {len(left)} that have survived.", flush=True)
            verdicts |= judged(folder, left, ON_MARIADB, [mariadb(place) for place in range(min(WORKERS, len(left)))])
    print(report.table(mutants, verdicts, seconds=time.monotonic() - began))
    return report.compare(mutants, verdicts, modules={each["module"] for each in mutants})


def copy_tree(folder: str) -> None:
    """What belongs to the repository, committed or not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in filter(os.path.isfile, listed.split("\0")):
        target = pathlib.Path(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, target)


def made(maker: str, folder: str, parts: tuple[str, ...]) -> list[dict[str, Any]]:
    command = [os.path.abspath(maker), "-m", "tests.mutants.making.generate", *parts]
    lines = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [json.loads(line) | {"number": number} for number, line in enumerate(lines)]


def judged(
    folder: str,
    mutants: list[dict[str, Any]],
    tests: dict[str, tuple[str, ...]],
    environments: list[dict[str, str]],
) -> dict[int, Verdict]:
    """What the workers, one per environment, find out about every mutant."""
    workers = []
    for place, environment in enumerate(environments):
        share = pathlib.Path(folder, f"mutants-{place}.jsonl")
        found = pathlib.Path(folder, f"verdicts-{place}.jsonl")
        found.unlink(missing_ok=True)
        mine = mutants[place :: len(environments)]
        share.write_text("".join(json.dumps(each | {"tests": tests[each["module"]]}) + "\n" for each in mine))
        workers.append((_start(folder, share, found, environment), found))
    for process, _ in workers:
        if process.wait():
            raise SystemExit("A worker has failed; see above.")
    lines = [line for _, found in workers for line in found.read_text().splitlines()]
    verdicts = {each.pop("number"): Verdict(**each) for each in map(json.loads, lines)}
    missing = [each["number"] for each in mutants if each["number"] not in verdicts]
    if missing:
        raise SystemExit(f"No verdict on {len(missing)} mutants.")
    return verdicts


def _start(
    folder: str, share: pathlib.Path, found: pathlib.Path, environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.mutants.worker", str(share), str(found)],
        cwd=folder,
        env=os.environ
        | environment
        | {"DJANGO_SETTINGS_MODULE": "config.settings.test", "PYTHONDONTWRITEBYTECODE": ""},
        stdin=subprocess.DEVNULL,
        stdout=None if os.environ.get("MUTANTS_VERBOSE") else subprocess.DEVNULL,
    )


def mariadb(place: int) -> dict[str, str]:
    """Each worker has a database and a Redis number of its own."""
    redis, _, number = os.environ["REDIS_URL"].rpartition("/")
    return {
        "DATABASE_URL": f"{os.environ['DATABASE_URL']}_mutants_{place}",
        "REDIS_URL": f"{redis}/{(int(number or 0) + place) % 16}",
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
