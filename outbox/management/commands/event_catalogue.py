"""`manage.py event_catalogue`: docs/events.json and docs/events.md, from the typed payloads in the code."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.settings.env import BASE_DIR
from outbox.services import catalogue
from outbox.services.catalogue import Catalogue

SCHEMAS = BASE_DIR / "docs" / "events.json"
PAGE = BASE_DIR / "docs" / "events.md"
HEAD = """# Events

Written from the code by `make events`; a test fails when it is stale. [events.json](events.json) has a JSON Schema of
each type's `data`. Within a version of a type fields are only ever added: ignore those that you do not know.
"""


class Command(BaseCommand):
    help = "Write docs/events.json and docs/events.md; a change that would break subscribers needs a higher version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing, fail when the files are stale")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        now = catalogue.describe()
        before: Catalogue = json.loads(SCHEMAS.read_text(encoding="utf-8")) if SCHEMAS.exists() else {}
        breaches = list(catalogue.breaks(before, now))
        if breaches:
            raise CommandError("\n".join([*breaches, "Subscribers rely on that: raise the version of the event."]))
        files = {SCHEMAS: json.dumps(now, indent=1, ensure_ascii=False) + "\n", PAGE: _page(now)}
        for path, text in files.items():
            if not check:
                path.write_text(text, encoding="utf-8")
            elif not path.exists() or path.read_text(encoding="utf-8") != text:
                raise CommandError(f"docs/{path.name} is stale: run make events")


def _page(found: Catalogue) -> str:
    return "\n".join([HEAD, *(_section(name, entry) for name, entry in found.items())])


def _section(name: str, entry: dict[str, Any]) -> str:
    rows = [f"| `{field}` | {_kind(schema)} |" for field, schema in entry["data"]["properties"].items()]
    table = "\n".join(["| field | |", "|---|---|", *rows])
    return f"## {name}\n\nVersion {entry['version']}. {entry['description']}\n\n{table}\n"


def _kind(schema: dict[str, Any]) -> str:
    """As a reader says it: "string (date-time) or null"."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    form = f" ({schema['format']})" if "format" in schema else ""
    return f"{schema.get('type', 'any')}{form}"
