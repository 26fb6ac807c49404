"""The service as it runs in production: web, worker, beat, relay, and the provider simulator in place of a provider."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from config.embedded.environment import free_port
from config.embedded.processes import Supervisor

WEB_WORKERS = 2
THREADS_PER_WORKER = 8
START_TIMEOUT_SECONDS = 60
BEHIND_THE_WEB = ("worker", "beat", "relay", "simulator")


class Service:
    """Running processes; those behind the web can be paused while something else is measured."""

    def __init__(self, supervisor: Supervisor, port: int) -> None:
        self._supervisor = supervisor
        self.port = port

    @contextlib.contextmanager
    def paused(self, *names: str) -> Iterator[None]:
        """These processes get no CPU for a while."""
        self._signal(names, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(names, signal.SIGCONT)

    def _signal(self, names: tuple[str, ...], number: signal.Signals) -> None:
        for child in self._supervisor.children:
            if child.name in names and child.process is not None:
                os.killpg(child.process.pid, number)


@contextlib.contextmanager
def running(*, folder: Path, simulator_port: int) -> Iterator[Service]:
    """Everything switched on, with this process's environment; logs go to `folder`/logs."""
    port = free_port()
    commands = _commands(folder, port, simulator_port)
    with supervised(commands, folder=folder, environment=os.environ) as supervisor:
        for url in (f"http://127.0.0.1:{port}/health", f"http://127.0.0.1:{simulator_port}/control/health"):
            wait_for_http(url, supervisor)
        yield Service(supervisor, port)


def _commands(folder: Path, port: int, simulator_port: int) -> dict[str, list[str]]:
    python = [sys.executable, "-m"]
    worker = ["--pool", "threads", "--concurrency", "8", "--loglevel", "info", "--without-mingle", "--without-gossip"]
    simulator = ["--port", str(simulator_port), "--webhook-url", f"http://127.0.0.1:{port}/webhooks/payment-provider"]
    return {
        "web": granian(sys.executable, "wsgi", port, "config.wsgi:application"),
        "worker": [*python, "celery", "--app", "config", "worker", *worker],
        "beat": [*python, "celery", "--app", "config", "beat", "--schedule", str(folder / "beat"), "--pidfile="],
        "relay": [sys.executable, "manage.py", "relay_outbox"],
        "simulator": [sys.executable, "manage.py", "provider_simulator", *simulator],
    }


def granian(python: str, interface: str, port: int, application: str) -> list[str]:
    """The same server for everybody: two processes; eight threads each for WSGI, one event loop each for ASGI."""
    options = ["--interface", interface, "--host", "127.0.0.1", "--port", str(port), "--workers", str(WEB_WORKERS)]
    more = ["--blocking-threads", str(THREADS_PER_WORKER)] if interface == "wsgi" else ["--loop", "uvloop"]
    return [python, "-m", "granian", *options, *more, "--no-ws", application]


@contextlib.contextmanager
def supervised(
    commands: Mapping[str, list[str]], *, folder: Path, environment: Mapping[str, str]
) -> Iterator[Supervisor]:
    """Processes that end with the block."""
    supervisor = Supervisor(commands, environment=environment, logs=folder / "logs", say=_say)
    supervisor.tend()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def wait_for_http(url: str, supervisor: Supervisor) -> None:
    """Raises SystemExit with the end of the logs when `url` does not answer 200 in time."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        supervisor.tend()
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer.\n{_logs(supervisor)}")


def _logs(supervisor: Supervisor) -> str:
    return "\n".join(
        f"--- {child.name}\n{supervisor.log_of(child.name).read_text(errors='replace')[-1500:]}"
        for child in supervisor.children
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
