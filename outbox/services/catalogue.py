"""Every type of event there is, as a JSON Schema of its `data`, and what of a change would break a subscriber."""

import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from typing import Any

from django.apps import apps

from outbox.events import Event

Catalogue = dict[str, dict[str, Any]]
"""Type → {"version", "description", "data": JSON Schema}."""


def events() -> dict[str, type[Event]]:
    """Every type that the apps' `events` modules name, in alphabetical order."""
    found = {event.type: event for module in _modules() for event in _concrete(module)}
    return dict(sorted(found.items()))


def describe() -> Catalogue:
    """What is committed as docs/events.json."""
    return {name: _entry(event) for name, event in events().items()}


def breaks(before: Catalogue, now: Catalogue) -> Iterator[str]:
    """What a subscriber that relies on `before` would stumble over; a higher version of a type may be anything.

    New types and new fields are no breach: subscribers ignore what they do not know.
    """
    for name, old in before.items():
        if name not in now:
            yield f"{name} is gone"
        elif now[name]["version"] < old["version"]:
            yield f"{name} goes back from version {old['version']} to {now[name]['version']}"
        elif now[name]["version"] == old["version"]:
            yield from (f"{name}: {breach}" for breach in _broken_fields(old["data"], now[name]["data"]))


def _broken_fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for field, schema in old["properties"].items():
        if field not in new["properties"]:
            yield f"{field} is gone"
        elif new["properties"][field] != schema:
            yield f"{field} was {schema}, and is {new['properties'][field]}"
        elif field in old.get("required", []) and field not in new.get("required", []):
            yield f"{field} may be missing"


def _modules() -> Iterator[Any]:
    for app in apps.get_app_configs():
        path = f"{app.name}.events"
        if importlib.util.find_spec(app.name) and importlib.util.find_spec(path):
            yield importlib.import_module(path)


def _concrete(module: Any) -> Iterator[type[Event]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Event) and hasattr(found, "type"):
            yield found


def _entry(event: type[Event]) -> dict[str, Any]:
    schema = event.model_json_schema(mode="serialization")
    del schema["additionalProperties"], schema["title"]
    for field in schema["properties"].values():
        field.pop("title", None)
    description = " ".join((schema.pop("description", "") or inspect.getdoc(event) or "").split())
    return {"version": event.version, "description": description, "data": schema}
