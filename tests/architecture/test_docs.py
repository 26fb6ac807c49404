"""What the documents name exists: tests, files, endpoints, event types."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from outbox.events import Event
from tests.architecture.source import ROOT, modules

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "*/README.md", "*/*/README.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).as_posix().startswith(".")
)
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
COMING_FROM = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_somewhere(document: str) -> None:
    """Links inside the repository name files that are there."""
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_promise_names_a_test_that_exists() -> None:
    """A test that is renamed or deleted takes its promise along, or keeps it true."""
    there = {
        f"{module.path}::{node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef)
    }
    promises = [line for line in GUARANTEES.splitlines() if line.startswith("| **")]
    assert [line for line in promises if "::test_" not in line] == []
    named = set(re.findall(r"`([\w/]+\.py::test_\w+)`", GUARANTEES))
    assert len(named) > len(promises)
    assert named - there == set()


def test_every_call_that_newcomers_are_shown_is_in_the_openapi_document() -> None:
    """The column "here" of the table of calls."""
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
    served = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    calls = COMING_FROM.split("## Calls")[1].split("##")[0]
    here = {call for row in calls.splitlines() for call in re.findall(r"`([A-Z]+ /api/v1/[^`]*)`", _cell(row, 1))}
    assert len(here) >= 8
    assert here - served == set()


def test_every_event_that_newcomers_are_shown_is_recorded() -> None:
    """The column "here" of the table of events."""
    types = {kind.type for kind in _kinds(Event) if "type" in vars(kind)}
    rows = COMING_FROM.split("## Events")[1].split("##")[0].splitlines()
    here = {name for row in rows for name in re.findall(r"`([\w.]+)`", _cell(row, 1))}
    assert len(here) >= 10
    assert here - types == set()


def _cell(row: str, number: int) -> str:
    """0-based column; the table of events has its "here" first."""
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    column = number if len(cells) > 2 else 0
    return cells[column] if len(cells) > column else ""


def _kinds(base: type[Event]) -> list[type[Event]]:
    return [kind for sub in base.__subclasses__() for kind in (sub, *_kinds(sub))]


def test_there_are_documents() -> None:
    """The glob above finds them."""
    assert {"README.md", "docs/guarantees.md", "payments/README.md", "webhooks/inbound/README.md"} <= set(DOCUMENTS)
    assert Path(ROOT / "CHANGELOG.md").exists()
