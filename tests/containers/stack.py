"""docker-compose.yml, the Dockerfile and the build context, read as an engine would read them."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.source import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == COMPOSE["x-app"]["image"]}
"""Services of our own image."""


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, its words) in order; continued lines joined, comments gone."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    """What the image is made of: everything after the last FROM, that one included."""
    found = dockerfile()
    return found[max(number for number, (word, _) in enumerate(found) if word == "FROM") :]


def image_environment() -> dict[str, str]:
    pairs = [pair for word, words in final_stage() if word == "ENV" for pair in words.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def copy_context(to: Path) -> None:
    """What `COPY . .` puts into the image, by .dockerignore; later lines win."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for folder, folders, files in os.walk(ROOT):
        inside = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if not _ignored(inside / name, patterns)]
        for name in files:
            if not _ignored(inside / name, patterns):
                (to / inside).mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / inside / name, to / inside / name)


def _ignored(path: Path, patterns: list[str]) -> bool:
    """A pattern speaks of a path and of everything below it; `**/` stands for any folder, or none."""
    ignored = False
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        if bare.startswith("**/"):
            speaks = any(fnmatch.fnmatchcase(part, bare.removeprefix("**/")) for part in path.parts)
        else:
            speaks = fnmatch.fnmatchcase(path.parts[0], bare)
        if speaks:
            ignored = not pattern.startswith("!")
    return ignored


def interpolated(value: Any, environment: dict[str, str]) -> Any:
    """Compose's `${NAME:-default}` and `$$` in every string of `value`."""
    if isinstance(value, dict):
        return {name: interpolated(each, environment) for name, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, environment) for each in value]
    if not isinstance(value, str):
        return value
    pattern = r"\$(?:(\$)|\{(\w+)(?::-([^}]*))?\})"
    return re.sub(pattern, lambda found: found[1] or environment.get(found[2]) or found[3] or "", value)


def strings(value: Any) -> Iterator[str]:
    """Every string in a document, keys left out."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(each)


def tool(*command: str) -> None:
    """Run a linter of the development environment; fail with what it says."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which(command[0], path=path)
    assert program, f"{command[0]} is not installed: make venv-dev"
    ended = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
