"""The source tree as the architecture tests read it: parsed, not imported."""

import ast
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("billing", "invoices", "outbox", "payments", "webhooks/inbound", "webhooks/outbound")
PACKAGES = ("bench", "billing", "config", "invoices", "outbox", "payments", "tests", "webhooks")


@dataclasses.dataclass(frozen=True)
class Module:
    """`path` is relative to the root, with slashes."""

    path: str
    tree: ast.Module
    lines: int

    @property
    def is_test(self) -> bool:
        """What measures is not shipped either."""
        return "tests" in self.path.split("/") or self.path.endswith("conftest.py") or self.path.startswith("bench/")


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every module of ours, migrations left out."""
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(_parse(path) for path in found if "migrations" not in path.parts)


def shipped() -> list[Module]:
    """Every module that is not a test."""
    return [module for module in modules() if not module.is_test]


def _parse(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(ROOT).as_posix(), ast.parse(text), text.count("\n"))


def calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name as written, call): `timezone.now()` is "timezone.now", `rows().update()` is ".update"."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def imports(module: Module) -> Iterator[str]:
    """Dotted names of what a module imports: "django.db.transaction" for `from django.db import transaction`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(module: Module) -> Iterator[tuple[str, ast.AST]]:
    """(key, node) of every node; the key is what holds it: "outbox/tasks.py::relay", "a.py::Class.method", "a.py"."""
    waiting: list[tuple[str, ast.AST]] = [(module.path, module.tree)]
    while waiting:
        key, node = waiting.pop()
        yield key, node
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            separator = "." if "::" in key else "::"
            waiting.append((f"{key}{separator}{child.name}" if named else key, child))  # type: ignore[attr-defined]


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` as written; what is not a plain name before the last dots is left out: ".c"."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""
