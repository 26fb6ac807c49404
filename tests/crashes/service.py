"""The whole service as processes: web, worker, beat, relay and the provider; those that die are started again."""

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import httpx

from config.embedded.processes import Child, Supervisor
from config.settings.env import INSECURE_WEBHOOK_SECRET
from tests.architecture.source import ROOT
from tests.crashes import steps
from tests.crashes.plan import Plan

START_TIMEOUT_SECONDS = 90
STEP_TIMEOUT_SECONDS = 300
"""How long a process may run under load without passing the step it is to die at."""
LOOK_SECONDS = 0.05


class Service:
    """`url` of the web server, `provider_url` of the provider itself; `sent_to_subscriber` grows by one id a line."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str,
        redis_url: str,
        port: int,
        provider_port: int,
        provider_through: str = "",
        webhooks_through: str = "",
        plan: Plan | None = None,
        may_end: Collection[str] = (),
        seed: int,
    ) -> None:
        """`provider_through` and `webhooks_through` are addresses in between, where there are any.

        Processes that `may_end` by themselves are started again, as the others are, without that being a failure.
        """
        self.url = f"http://127.0.0.1:{port}"
        self.provider_url = f"http://127.0.0.1:{provider_port}"
        self.sent_to_subscriber = folder / "sent"
        self.kills: list[str] = []
        self._folder, self._seed = folder, seed
        self._waiting = {name: list(crashes) for name, crashes in (plan or {}).items()}
        self._armed: dict[str, str] = {}
        self._ended: list[str] = []
        self._may_end = may_end
        webhook_url = f"{webhooks_through or self.url}/webhooks/payment-provider"
        self._commands = _commands(folder, port, provider_port, webhook_url, seed)
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.crashes.settings",
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SIMULATOR_URL": provider_through or self.provider_url,
            "SIMULATOR_WEBHOOK_SECRETS": INSECURE_WEBHOOK_SECRET,
            "SUBSCRIBER_FILE": str(self.sent_to_subscriber),
        }
        self._supervisor = Supervisor(
            self._commands, environment=environment, logs=folder / "logs", say=self._ended.append
        )
        for child in self._supervisor.children:
            self._arm(child)

    @property
    def is_through(self) -> bool:
        """Whether everybody has died as often as planned."""
        return not self._armed

    @property
    def told(self) -> str:
        """What a failure must say so that it can be run again: the seed, and who was killed where."""
        killed = f"seed {self._seed}, {len(self.kills)} kills: {', '.join(self.kills)}"
        return f"{killed}; ended unasked: {dict(self._unplanned)}" if self._unplanned else killed

    @property
    def _unplanned(self) -> Counter[str]:
        """How often each process has ended that nobody killed."""
        ended, killed = ([each.partition(" ")[0] for each in lines] for lines in (self._ended, self.kills))
        return Counter(ended) - Counter(killed)

    def tend(self) -> None:
        """Start what has to run. Whoever died at its step gets its next one; whoever died otherwise is a failure."""
        for child in self._supervisor.children:
            self._look_at(child)
        self._supervisor.tend()
        failed = self._unplanned.keys() - set(self._may_end)
        assert not failed, f"{self._ended[-1]}; {self.told}\n{self.logs()}"

    def tend_until(self, true: Callable[[], object], *, seconds: float) -> bool:
        """Whether it became true in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tend()
            if true():
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def wait_until_up(self) -> None:
        """Web and provider answer."""
        for url in (f"{self.url}/health", f"{self.provider_url}/control/health"):
            assert self.tend_until(lambda url=url: _answers(url), seconds=START_TIMEOUT_SECONDS), self.logs()  # type: ignore[misc]

    def stop(self) -> None:
        self._supervisor.stop()

    def logs(self) -> str:
        return "\n".join(
            f"--- {child.name}\n{self._supervisor.log_of(child.name).read_text(errors='replace')[-3000:]}"
            for child in self._supervisor.children
        )

    def _arm(self, child: Child) -> None:
        """Its next start is told where to die, as long as its plan says anything."""
        child.command = self._commands[child.name]
        self._armed.pop(child.name, None)
        if waiting := self._waiting.get(child.name):
            self._armed[child.name] = waiting.pop(0)
            told_in = f"{steps.CRASH_TOLD_IN}={self._told_in(child)}"
            crash_at = f"{steps.CRASH_AT}={self._armed[child.name]}"
            child.command = ["env", crash_at, told_in, *child.command]

    def _look_at(self, child: Child) -> None:
        child.failures = 0
        if child.name not in self._armed or child.process is None:
            return
        if step := self._came_to(child):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            self._bury(child, step)
        elif time.monotonic() - child.started_at > STEP_TIMEOUT_SECONDS:
            raise AssertionError(f"{child.name} never came to {self._armed[child.name]}; {self.told}\n{self.logs()}")

    def _came_to(self, child: Child) -> str:
        """Where it died; empty as long as it lives."""
        with contextlib.suppress(FileNotFoundError):
            return self._told_in(child).read_text().strip()
        return ""

    def _bury(self, child: Child, step: str) -> None:
        self.kills.append(f"{child.name} at {self._armed[child.name]}")
        assert step == self._armed[child.name].rpartition(":")[0], f"{child.name} came to {step}; {self.told}"
        self._told_in(child).unlink()
        self._arm(child)

    def _told_in(self, child: Child) -> Path:
        return self._folder / f"{child.name}.died"


def _commands(folder: Path, port: int, provider_port: int, webhook_url: str, seed: int) -> dict[str, list[str]]:
    python, manage = [sys.executable, "-m"], [sys.executable, str(ROOT / "manage.py")]
    web = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "8"]
    celery = ["celery", "--app", "config"]
    worker = ["--pool", "threads", "--concurrency", "8", "--without-mingle", "--without-gossip", "--loglevel", "info"]
    provider = ["--port", str(provider_port), "--state", str(folder / "provider.sqlite3"), "--seed", str(seed)]
    return {
        "provider": [*manage, "provider_simulator", *provider, "--webhook-url", webhook_url],
        "web": [*python, *web, "config.wsgi:application"],
        "worker": [*python, *celery, "worker", *worker],
        "beat": [*python, *celery, "beat", "--schedule", str(folder / "beat"), "--pidfile="],
        "relay": [*manage, "relay_outbox"],
    }


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    return False


@contextlib.contextmanager
def running(service: Service) -> Iterator[Service]:
    """All processes from the moment they answer until the block ends."""
    try:
        service.wait_until_up()
        yield service
    finally:
        service.stop()
