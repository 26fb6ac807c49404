"""manage.py run_embedded: what `make run` starts."""

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config.embedded import demo_data
from config.embedded.credentials import Credentials, provide
from config.embedded.environment import PortUnusable, check_port, prepare
from config.embedded.journey import JourneyFailed, Player, timeline
from config.embedded.processes import Supervisor
from config.embedded.stopping import Stopped, StopRequest
from config.settings.env import BASE_DIR, env

HEALTH_TIMEOUT_SECONDS = 60.0
TICK_SECONDS = 0.2


class Command(BaseCommand):
    """Exits 0 after INT, TERM or HUP, 1 with a sentence when it cannot start."""

    help = "Start web, worker, beat and the provider simulator on SQLite, play one payment, stay until Ctrl-C."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)
        os.chdir(BASE_DIR)
        try:
            check_port(env.port)
        except PortUnusable as error:
            raise CommandError(str(error)) from error
        data_dir = env.data_dir.resolve()
        _start_over_with(prepare(data_dir=data_dir, port=env.port))
        with only_one(data_dir):
            stop = StopRequest()
            with contextlib.suppress(Stopped):
                self._run(data_dir, stop)
        self._say("Stopped.")

    def _run(self, data_dir: Path, stop: StopRequest) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        base_url = f"http://127.0.0.1:{env.port}"
        secret = env.simulator_webhook_secrets[0]
        credentials = provide(path=data_dir / "credentials.json", base_url=base_url, webhook_secret=secret)
        demo_data.provide()
        stop.check()
        supervisor = Supervisor(
            commands(data_dir, base_url), environment=os.environ, logs=data_dir / "logs", say=self._say
        )

        def pause(seconds: float) -> None:
            """Everything that waits does so here: children are tended and signals heard."""
            deadline = time.monotonic() + seconds
            while True:
                stop.check()
                supervisor.tend()
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                time.sleep(min(TICK_SECONDS, left))

        try:
            pause(0)
            self._wait_for_health(supervisor, base_url, pause)
            self._play(credentials, pause)
            self._say(_where(credentials, data_dir))
            while True:
                pause(3600)
        finally:
            supervisor.stop()

    def _wait_for_health(self, supervisor: Supervisor, base_url: str, pause: Any) -> None:
        waiting = {"web": f"{base_url}/health", "simulator": f"{env.simulator_url}/control/health"}
        deadline = time.monotonic() + HEALTH_TIMEOUT_SECONDS
        while waiting:
            waiting = {name: url for name, url in waiting.items() if not _is_healthy(url)}
            if waiting and time.monotonic() > deadline:
                logs = "\n".join(_end_of(supervisor.log_of(name)) for name in waiting)
                raise CommandError(f"{' and '.join(waiting)} did not become healthy.\n{logs}")
            if waiting:
                pause(TICK_SECONDS)

    def _play(self, credentials: Credentials, pause: Any) -> None:
        """A failed journey is told and ends the run: what was started is not what it should be."""
        player = Player(
            base_url=credentials.base_url,
            api_key=credentials.api_key,
            webhook_secret=credentials.webhook_secret,
            pause=pause,
        )
        try:
            self._say("\n".join(["", "One payment, from the invoice to paid:", *timeline(player.play())]))
        except JourneyFailed as error:
            raise CommandError(f"The first payment failed. {error}") from error
        finally:
            player.close()

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()


def commands(data_dir: Path, base_url: str) -> dict[str, list[str]]:
    """What each process runs. The worker has threads: prefork would be killed in the middle of a task when it ends."""
    python = [sys.executable, "-m"]
    web = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(env.port), "--workers", "1", "--no-ws"]
    worker = ["--pool", "threads", "--concurrency", "4", "--loglevel", "info", "--without-mingle", "--without-gossip"]
    beat = ["--schedule", str(data_dir / "beat-schedule"), "--pidfile=", "--loglevel", "warning"]
    simulator = [
        "--port",
        str(urlsplit(env.simulator_url).port),
        "--state",
        str(data_dir / "simulator.sqlite3"),
        "--webhook-url",
        f"{base_url}/webhooks/payment-provider",
    ]
    return {
        "web": [*python, "granian", *web, "--blocking-threads", "16", "config.wsgi:application"],
        "simulator": [sys.executable, "manage.py", "provider_simulator", *simulator],
        "worker": [*python, "celery", "--app", "config", "worker", *worker],
        "beat": [*python, "celery", "--app", "config", "beat", *beat],
    }


def _start_over_with(environment: dict[str, str]) -> None:
    """Settings were read before the keys existed, or under another DATABASE_URL: become a process that has them all."""
    if any(os.environ.get(name) != value for name, value in environment.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment)


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Two runs over one data directory would settle each other's payments; the lock ends with the process."""
    with (data_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"Quittance already runs on the data in {data_dir}.") from error
        yield


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
    return "\n".join([f"--- {log}", *lines])


def _where(credentials: Credentials, data_dir: Path) -> str:
    return f"""
API      {credentials.base_url}/api/v1   (documentation: {credentials.base_url}/docs)
Admin    {credentials.admin_url}   ({credentials.admin_user})
Keys     {data_dir / "credentials.json"}
Logs     {data_dir / "logs"}
Ctrl-C stops everything; the data stays."""
