"""The image: small, of locked packages, for a user who may nothing, with no secret in it."""

import json
import subprocess
from pathlib import Path

import pytest

from config.tests.production import SETTINGS as PRODUCTION
from tests.architecture.source import ROOT
from tests.containers import stack

BUILD_TOOLS = {"gcc", "g++", "make", "pkg-config", "build-essential", "libmariadb-dev", "libc6-dev", "git", "curl"}


def words(instruction: str) -> list[str]:
    return [words for word, words in stack.final_stage() if word == instruction]


def test_hadolint_finds_nothing() -> None:
    """Shell snippets included: it asks ShellCheck about them."""
    stack.tool("hadolint", "Dockerfile")


def test_the_image_holds_no_build_tools() -> None:
    """They stay in the stage before, which leaves nothing but its virtual environment behind."""
    assert not {word for line in words("RUN") for word in line.split()} & BUILD_TOOLS
    assert words("COPY") == ["--from=builder /opt/venv /opt/venv", ". ."]


def test_packages_are_the_locked_ones() -> None:
    """By hash, from the lock that production uses."""
    installs = [words for word, words in stack.dockerfile() if word == "RUN" and "pip install" in words]
    assert len(installs) == 1
    assert "--require-hashes --requirement requirements.txt" in installs[0]


def test_base_images_are_pinned() -> None:
    """All stages stand on one Python and one Debian: a virtual environment fits no other."""
    bases = {words.split()[0] for word, words in stack.dockerfile() if word == "FROM"}
    assert bases == {"python:3.11-slim-bookworm"}


def test_nobody_runs_as_root() -> None:
    """A fixed number, which Kubernetes can check; nothing after it is anybody else's."""
    assert words("USER") == ["10001:10001"]
    after = [word for word, _ in stack.final_stage()]
    assert not {"RUN", "COPY", "ADD"} & set(after[after.index("USER") :])


def test_processes_hear_signals() -> None:
    """A shell as process 1 would keep TERM to itself."""
    assert words("STOPSIGNAL") == ["SIGTERM"]
    assert words("ENTRYPOINT") == []
    assert json.loads(words("CMD")[0])[0] == "granian"
    assert json.loads(words("HEALTHCHECK")[0].split("CMD ")[1])[0] == "python"


def test_the_image_starts_in_production_and_holds_no_secret() -> None:
    """Without configuration it refuses to start, rather than start unsafely; no ARG can leave one in a layer."""
    environment = stack.image_environment()
    assert environment["DJANGO_SETTINGS_MODULE"] == PRODUCTION
    assert environment.keys() == {
        "PATH",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
        "DJANGO_SETTINGS_MODULE",
        "DATA_DIR",
        "PROMETHEUS_MULTIPROC_DIR",
    }
    assert "ARG" not in {word for word, _ in stack.dockerfile()}


def test_the_build_context_is_what_runs(tmp_path: Path) -> None:
    """No keys, data, history or tests can get into the image."""
    stack.copy_context(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {
        "manage.py",
        "requirements.txt",
        "billing",
        "config",
        "invoices",
        "outbox",
        "payments",
        "webhooks",
    }
    copied = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"config/wsgi.py", "config/settings/production.py", "webhooks/inbound/services/receiving.py"} <= copied
    assert [path for path in copied if "tests/" in path or path.endswith((".pyc", ".md", ".sqlite3"))] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a copy without its repository")
def test_a_file_of_the_image_is_part_of_the_repository(tmp_path: Path) -> None:
    """What git ignores is missing from a clone."""
    stack.copy_context(tmp_path)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert ignored_by_git(["Dockerfile", ".dockerignore", *files]) == []
    assert ignored_by_git([".local/credentials.json"]) == [".local/credentials.json"]


def ignored_by_git(files: list[str]) -> list[str]:
    """Of the files, those that no clone would have. Tracked ones count too: they may be untracked tomorrow."""
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(files), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()
