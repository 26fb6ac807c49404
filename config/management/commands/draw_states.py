"""`manage.py draw_states`: docs/states.md, drawn from the machines as they are in the code."""

import inspect
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models
from django_fsm import FSMField, Transition

from config.settings.env import BASE_DIR

PAGE = BASE_DIR / "docs" / "states.md"
HEAD = """# States

Drawn from the code by `make states`; a test fails when this page is stale. A status moves only through these
transitions, each in the step that saves it and records its event. A state with an arrow to the end has no way out.
"""


class Step(NamedTuple):
    """One transition method; `when` is its docstring."""

    name: str
    sources: list[str]
    target: str
    when: str


class Command(BaseCommand):
    """Draws every state machine as a Mermaid diagram and a table."""

    help = "Write docs/states.md from the state machines in the code."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing, fail when the page is stale")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        page = draw()
        if not check:
            PAGE.write_text(page, encoding="utf-8")
        elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            raise CommandError("docs/states.md is stale: run make states")


def draw() -> str:
    """The whole page: the machines in the order of the installed apps."""
    return "\n".join([HEAD, *(_section(model, field) for model, field in machines())])


def machines() -> Iterator[tuple[type[models.Model], FSMField]]:
    """Every model that has a state, with the field that holds it."""
    for model in apps.get_models():
        for field in model._meta.fields:
            if isinstance(field, FSMField):
                yield model, field


def _section(model: type[models.Model], field: FSMField) -> str:
    states = [str(value) for value, _ in field.choices or ()]
    machine = next(base for base in reversed(model.__mro__) if field.name in vars(base))
    steps = _steps(machine, list(field.get_all_transitions(model)), states)
    title = str(model._meta.verbose_name).capitalize()
    about = inspect.getdoc(machine) or ""
    return "\n".join([f"## {title}\n", f"{about}\n", _diagram(field, states, steps), _table(steps)])


def _steps(machine: type, transitions: list[Transition], states: list[str]) -> list[Step]:
    """One for each transition method of the abstract class `machine`, in the order of the code."""
    steps = []
    for name in vars(machine):
        group = [transition for transition in transitions if transition.name == name]
        sources = {str(transition.source) for transition in group}
        if group:
            from_states = [state for state in states if state in sources or "*" in sources]
            steps.append(Step(name, from_states, str(group[0].target), inspect.getdoc(group[0].method) or ""))
    return steps


def _diagram(field: FSMField, states: list[str], steps: list[Step]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {field.get_default()}"]
    lines += [f"    {source} --> {step.target}: {step.name}" for step in steps for source in step.sources]
    lines += [f"    {state} --> [*]" for state in states if not any(state in step.sources for step in steps)]
    return "\n".join([*lines, "```\n"])


def _table(steps: list[Step]) -> str:
    lines = ["| transition | from | to | when |", "|---|---|---|---|"]
    lines += [f"| `{step.name}` | {', '.join(step.sources)} | {step.target} | {step.when} |" for step in steps]
    return "\n".join(lines) + "\n"
