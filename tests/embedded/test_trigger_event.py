import json
import os
import subprocess
import sys

from tests.architecture.source import ROOT
from tests.embedded.runs import INHERITED, Run


def test_events_are_triggered_beside_make_run(standing: Run) -> None:
    """From another terminal, with nothing but what that run has written down; no invoice, which other tests count."""
    environment = {name: value for name, value in os.environ.items() if name in INHERITED}
    environment |= dict(line.split("=", 1) for line in (standing.data_dir / "env").read_text().splitlines())
    environment |= {
        "DATA_DIR": str(standing.data_dir),
        "DATABASE_URL": f"sqlite:///{standing.data_dir / 'quittance.sqlite3'}",
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "trigger_event", "customer.updated", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.returncode == 0, ended.stderr
    event = json.loads(ended.stdout)
    assert (event["type"], event["data"]["name"]) == ("customer.updated", "trigger_event updated")
    assert event["actor"].startswith("system:trigger_event:")
