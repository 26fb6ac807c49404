"""What is imported, declared and locked is one and the same."""

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterable

import pytest

from tests.architecture.source import PACKAGES, ROOT, Module, imports, modules, shipped

LOCKS = ("requirements-core.txt", "requirements.txt", "requirements-dev.txt")
BENCH_LOCK = "bench/requirements.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
MAY_IMPORT_AN_EXTRA = {"outbox/subscribers/kafka.py": "kafka"}
"""Loaded only where the settings name it, and told by a check where its package is missing."""


def test_the_locks_agree() -> None:
    """What runs embedded, in production and under test is one resolved set: each lock contains the smaller one."""
    core, full, dev = (_pins(name) for name in LOCKS)
    assert core <= full <= dev
    assert not any("mysqlclient" in pin for pin in core)


def test_every_pin_has_a_hash() -> None:
    """`pip install --require-hashes` installs what was locked and nothing else."""
    for name in (*LOCKS, BENCH_LOCK):
        for pin in re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text()):
            if "==" in pin.split("\n")[0]:
                assert "--hash=sha256:" in pin, pin.split("\n")[0]


@pytest.mark.parametrize("lock", [*LOCKS, BENCH_LOCK])
def test_a_lock_names_no_place(lock: str) -> None:
    """Neither a registry nor a folder of the machine that compiled it: pip finds packages where it is told to."""
    text = (ROOT / lock).read_text()
    assert re.findall(r"^-.*|https?:.*|file:.*|/\w+/.*", text, re.MULTILINE) == []


def test_every_direct_dependency_is_locked() -> None:
    """A dependency added to pyproject.toml without `make lock` is missing from a bare clone."""
    locked = {_plain(pin) for pin in _pins("requirements-dev.txt")}
    assert _names(PROJECT["dependencies"], *EXTRAS.values()) <= locked


def test_what_runs_imports_only_what_is_declared() -> None:
    """What is there because something else needs it may be gone with the next version of that."""
    always = [module for module in shipped() if module.path not in MAY_IMPORT_AN_EXTRA]
    assert _undeclared(always, _names(PROJECT["dependencies"])) == set()
    for path, extra in MAY_IMPORT_AN_EXTRA.items():
        (module,) = [each for each in shipped() if each.path == path]
        assert _undeclared([module], _names(PROJECT["dependencies"], EXTRAS[extra])) == set()


def test_tests_import_only_what_is_declared() -> None:
    """The same, with what is for development; what it is measured against and mutated by has its own environments."""
    ours = [module for module in modules() if not module.path.startswith(("bench/peers/", "tests/mutants/making/"))]
    assert _undeclared(ours, _names(PROJECT["dependencies"], *EXTRAS.values())) == set()


def _undeclared(found: Iterable[Module], declared: set[str]) -> set[str]:
    """Top-level names of other people's packages that none of the distributions in `declared` installs."""
    installed = importlib.metadata.packages_distributions()
    imported = {name.partition(".")[0] for module in found for name in imports(module)}
    theirs = imported - sys.stdlib_module_names - set(PACKAGES)
    return {name for name in theirs if not {_plain(each) for each in installed.get(name, ())} & declared}


def _names(*requirements: list[str]) -> set[str]:
    return {_plain(each) for group in requirements for each in group}


def _plain(requirement: str) -> str:
    """The normalised name of a requirement, a pin or a distribution."""
    return re.sub(r"[-_.]+", "-", re.split(r"[ <>=\[;]", requirement)[0]).lower()


def _pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    return {line.rstrip(" \\") for line in lines if re.match(r"[a-z0-9]", line)}
