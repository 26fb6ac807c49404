"""The commands behind `make profile` and `make bench`, at their smallest, so that they cannot rot."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from bench import competition
from config.tests.servers import database_url
from tests.servers import SEARCH_PATH

ROOT = Path(__file__).resolve().parents[2]
SMALLEST = [
    *("--rounds", "1", "--seconds", "1", "--connections", "4", "--deliveries", "200"),
    *("--backlog", "2000", "--peer-backlog", "500", "--delivered", "1000", "--memory-backlog", "1000"),
    *("--renewals", "200"),
    *("--events-per-second", "100"),
]


def run(module: str, *arguments: str, timeout_seconds: float, **environment: str) -> str:
    """What the command prints; its errors are those of this test."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.skipif(connection.vendor != "mysql", reason="statements are counted by MariaDB")
def test_the_profile_shows_every_hot_path_and_where_its_time_goes() -> None:
    """On a database of its own beside the tests'."""
    name = settings.DATABASES["default"]["NAME"].removeprefix("test_")
    url = database_url(f"{name}_profile")
    report = run("bench.profile", "--calls", "2", timeout_seconds=120, DATABASE_URL=url)
    shown = [line.partition(":")[0] for line in report.splitlines() if line.startswith("==")]
    assert shown == ["== create", "== pay", "== webhook", "== replay", "== get invoice", "== relay"]
    assert "database (waiting)" in report
    assert "specversion" not in report


@pytest.mark.long
@pytest.mark.timeout(1000)
@pytest.mark.skipif(not competition.PYTHON.exists(), reason="make venv-bench makes the peers' environment")
@pytest.mark.skipif(not shutil.which("mariadbd", path=SEARCH_PATH), reason="the benchmark runs an installed MariaDB")
def test_the_benchmark_measures_every_part_against_its_peers() -> None:
    """One round of a second each: all contenders answer as expected, and the JSON holds what the table shows."""
    table = run("bench.run", *SMALLEST, timeout_seconds=900)
    written = Path(table.rstrip().rpartition("Written to ")[2])
    report: dict[str, Any] = json.loads(written.read_text())
    contenders = {part["name"]: [each["name"] for each in part["contenders"]] for part in report["parts"]}
    assert contenders == {
        "create + pay": ["raw SQL", "FastAPI", "quittance", "quittance, web only"],
        "replays": ["FastAPI", "quittance"],
        "webhooks": ["dj-stripe", "quittance"],
        "relay": [
            "django-outbox-pattern",
            "django-celery-outbox",
            "quittance",
            "quittance, full table",
            "quittance, everybody",
        ],
        "deliveries": ["floor", "quittance"],
    }
    assert all(min(each["rates"]) > 0 for part in report["parts"] for each in part["contenders"])
    assert report["latency"].keys() == {"create", "pay", "get invoice", "webhook", "pay to paid"}
    studies = {study["name"]: study["figures"] for study in report["studies"]}
    assert studies["commit to stream at 100 events a second"]["n"] == 100
    assert studies["peak memory of the relay"].keys() == {"100 events", "1,000 events"}
    assert {"20 due, 4 at it: renewals/s", "200 due, 1 at it: peak MiB"} <= studies["renewals"].keys()
    assert all(name in table for name in ("dj-stripe", "p99", "target ≥ 20,000 per second", "target ≤ 250 ms at p99"))
    written.unlink()
