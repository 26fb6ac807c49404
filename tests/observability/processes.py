"""The service as a deployment runs it: two web processes, a worker that forks, a relay; all counting in one folder."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from config.tests.servers import database_url, granian
from tests.architecture.source import ROOT
from tests.embedded.runs import until

Numbers = dict[str, dict[tuple[str, ...], float]]
"""Sample name → label values, in the order of their labels' names → value."""


class Deployment:
    """`url` of the web server; `folder` is where everybody counts."""

    def __init__(self, url: str, folder: Path, environment: dict[str, str]) -> None:
        self.url = url
        self.folder = folder
        self.environment = environment
        self.http = httpx.Client(base_url=url, headers={"Connection": "close"}, timeout=30, trust_env=False)
        """A connection per request, so that either web process may be the one that answers."""

    def scrape(self) -> Numbers:
        """What `/metrics` says now."""
        text = self.http.get("/metrics").raise_for_status().text
        found: Numbers = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                values = tuple(sample.labels[name] for name in sorted(sample.labels))
                found.setdefault(sample.name, {})[values] = sample.value
        return found

    def processes(self) -> set[int]:
        """Those that have counted something and are alive."""
        pids = {int(path.stem.split("-")[-1]) for path in self.folder.glob("*.alive")}
        return {pid for pid in pids if Path(f"/proc/{pid}").exists()}

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        assert until(lambda: not Path(f"/proc/{pid}").exists(), seconds=10)

    @contextlib.contextmanager
    def running(self, *command: str) -> Iterator[None]:
        """Another process of the deployment."""
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def deployment(folder: Path, **variables: Any) -> Iterator[Deployment]:
    """Granian with two workers on this test's database and broker."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.CELERY_BROKER_URL,
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
        "GRANIAN_WORKERS": "2",
        "GRANIAN_RESPAWN_FAILED_WORKERS": "true",
        **variables,
    }
    with granian("config.wsgi:application", **environment) as port:
        found = Deployment(f"http://127.0.0.1:{port}", folder, environment)
        yield found
        found.http.close()
