"""The processes of docker-compose.yml without an engine: its commands, environments and health checks, on nothing but
the build context and the packages of requirements.txt. Names of other services become addresses of this machine, paths
in a container paths of a test's.
"""

import contextlib
import importlib.metadata
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.embedded.environment import free_port
from tests.architecture.source import ROOT
from tests.containers import stack

START_TIMEOUT_SECONDS = 90
ONLY_WHAT_THE_IMAGE_HOLDS = """
import sys

class OnlyWhatTheImageHolds:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, OnlyWhatTheImageHolds())
"""
LONG_RUNNING = ("web", "worker", "beat", "relay", "simulator", "flower")


def missing_from_the_image() -> set[str]:
    """Top-level modules that are installed here for development, and not by requirements.txt."""
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    installed = importlib.metadata.packages_distributions()
    return {name for name, theirs in installed.items() if not {_plain(each) for each in theirs} & set(pins)}


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


class Processes:
    """`web_url` once it stands; `logs/<service>.log` holds what each of them printed."""

    def __init__(self, folder: Path, *, database_url: str, redis_url: str) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("app", "data", "metrics", "tmp", "logs", "site"):
            (folder / name).mkdir()
        text = ONLY_WHAT_THE_IMAGE_HOLDS.format(missing=sorted(missing_from_the_image()))
        (folder / "site" / "sitecustomize.py").write_text(text)
        stack.copy_context(folder / "app")
        web, simulator, flower = (str(free_port()) for _ in range(3))
        self.web_url = f"http://127.0.0.1:{web}"
        self._replaced: dict[str, str | Callable[[re.Match[str]], str]] = {
            r"^mysql://.*": database_url,
            r"^redis://.*": redis_url,
            r"http://(web|simulator)\b|0\.0\.0\.0": lambda found: "http://127.0.0.1" if found[1] else "127.0.0.1",
            r"\b8000\b": web,
            r"\b8001\b": simulator,
            r"\b5555\b": flower,
            r"(?<![\w/])/(data|metrics|tmp)\b": lambda found: str(folder / found[1]),
        }

    def run(self, name: str, *command: str) -> str:
        """`docker compose run`: what `command`, or the service's own, printed; fails unless it ended with 0."""
        ended = subprocess.run(
            self._command(name, command),
            cwd=self.folder / "app",
            env=self.environment(name),
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_SECONDS,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout.strip()

    def start(self, name: str) -> None:
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                self._command(name),
                cwd=self.folder / "app",
                env=self.environment(name),
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def wait_until_healthy(self, name: str) -> None:
        """By its own health check; a service without one only has to stay."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_healthy(name):
            text = self.log(name).read_text(errors="replace")[-4000:]
            assert self._running[name].poll() is None, f"{name} ended: {text}"
            assert time.monotonic() < deadline, f"{name} is not healthy: {text}"
            time.sleep(0.5)

    def end(self, name: str) -> int:
        """TERM, as an engine stops a container; the exit status."""
        self.terminate(name)
        return self.wait(name)

    def terminate(self, name: str) -> None:
        self._running[name].terminate()

    def wait(self, name: str) -> int:
        return self._running[name].wait(30)

    def kill(self) -> None:
        """With its children, as an engine does: granian's workers would stay."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def environment(self, name: str) -> dict[str, str]:
        """The image's and the service's, and nothing of ours but where programs are."""
        of_service = stack.interpolated(stack.OURS[name]["environment"], {})
        given = stack.image_environment() | of_service | {"HOSTNAME": socket.gethostname()}
        ours = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "site"),
        }
        return {key: self._replace(value) for key, value in given.items()} | ours

    def _is_healthy(self, name: str) -> bool:
        test = self._health_check(name)
        if test is None:
            return b"relaying" in self.log(name).read_bytes()
        command = ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:]
        environment = self.environment(name)
        ended = subprocess.run(command, cwd=self.folder / "app", env=environment, capture_output=True, timeout=60)
        return ended.returncode == 0

    def _health_check(self, name: str) -> list[str] | None:
        check: dict[str, Any] = stack.OURS[name].get("healthcheck", {})
        if check.get("disable"):
            return None
        found = check.get("test") or ["CMD", *json.loads(self._of_image("HEALTHCHECK").split("CMD ")[1])]
        return [self._replace(word) for word in stack.interpolated(found, {})]

    def _command(self, name: str, command: tuple[str, ...] = ()) -> list[str]:
        found = list(command) or stack.OURS[name].get("command") or json.loads(self._of_image("CMD"))
        return [self._replace(word) for word in stack.interpolated(found, {})]

    def _of_image(self, instruction: str) -> str:
        return next(words for word, words in stack.final_stage() if word == instruction)

    def _replace(self, text: str) -> str:
        for pattern, replacement in self._replaced.items():
            text = re.sub(pattern, replacement, text)
        return text
