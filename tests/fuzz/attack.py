"""Schemathesis against a running server: every operation of docs/openapi.yaml, every check, every phase."""

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import schemathesis
from schemathesis.engine import events, from_schema

from tests.fuzz.refusals import Refusal, excusing

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"


@dataclasses.dataclass
class Report:
    """`calls` by operation and status, `phases` by name, `failures` as text, `excused` by refusal."""

    calls: collections.Counter[tuple[str, int]] = dataclasses.field(default_factory=collections.Counter)
    phases: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    excused: collections.Counter[Refusal] = dataclasses.field(default_factory=collections.Counter)
    failures: list[str] = dataclasses.field(default_factory=list)

    def table(self) -> str:
        """A line per operation: its calls by status."""
        operations = sorted({operation for operation, _ in self.calls})
        rows = [(operation, self.statuses(operation)) for operation in operations]
        lines = [f"{sum(by.values()):7} {name}: " + _listing(sorted(by.items())) for name, by in rows]
        return "\n".join([*lines, f"{self.calls.total():7} calls: " + _listing(self.phases.items())])

    def statuses(self, operation: str) -> collections.Counter[int]:
        """How often each status was the answer."""
        return collections.Counter({status: n for (name, status), n in self.calls.items() if name == operation})


def _listing(items: Any) -> str:
    return ", ".join(f"{name} × {count}" for name, count in items)


def attack(
    *,
    port: int,
    headers: dict[str, str],
    seed: int,
    max_examples: int,
    examples: Mapping[str, str] = MappingProxyType({}),
    **settings: Any,
) -> Report:
    """Everything schemathesis has; `settings` are further ones of its configuration.

    `examples` are ids that the document's examples have, each with what is put in its place.
    """
    config = schemathesis.Config.from_dict(
        {
            "base-url": f"http://127.0.0.1:{port}",
            "headers": headers,
            "seed": seed,
            "continue-on-failure": True,
            "generation": {"max-examples": max_examples, "deterministic": seed == 0, "database": "none"},
            **settings,
        }
    )
    document = naming(DOCUMENT.read_text(), examples)
    schema = schemathesis.openapi.from_file(document, config=config)
    report = Report()

    @schema.hook
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        refusals = _excuse(failure, case, response)
        report.excused.update(refusals)
        return not refusals

    for event in from_schema(schema).execute():
        _take(report, event)
    return report


def naming(text: str, examples: Mapping[str, str]) -> str:
    """`text` with what there is for what its examples name."""
    for documented, id in examples.items():
        text = text.replace(documented, id)
    return text


def _excuse(failure: Any, case: Any, response: Any) -> list[Refusal]:
    if type(failure).__name__ != "RejectedPositiveData":
        return []
    return excusing(case.operation.label, response.json())


def _take(report: Report, event: Any) -> None:
    if isinstance(event, events.NonFatalError | events.FatalError):
        report.failures.append(f"{event}")
    if not isinstance(event, events.ScenarioFinished):
        return
    recorder = event.recorder
    for id, interaction in recorder.interactions.items():
        status = interaction.response.status_code if interaction.response else 0
        report.calls[recorder.cases[id].value.operation.label, status] += 1
        report.phases[event.phase.value] += 1
    for id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                report.failures.append(_described(recorder, id, check))


def _described(recorder: Any, id: str, check: Any) -> str:
    response = recorder.interactions[id].response
    answer = f"{response.status_code} {response.text[:500]}" if response else "no answer"
    failure = check.failure_info.failure
    return f"{check.name}: {failure.title}: {failure.message}\n{check.failure_info.code_sample[:2000]}\n{answer}"
