"""docs/events.json and docs/events.md, the command that writes them, and what it refuses."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.core.management import CommandError, call_command

from outbox.management.commands import event_catalogue
from outbox.models import OutboxEvent
from outbox.services import catalogue
from payments.tests.factories import make_paid, make_refund
from tests.api import ApiConsumer


def test_the_files_are_what_the_code_says() -> None:
    """A type or a field added, renamed or removed makes them stale."""
    call_command("event_catalogue", check=True)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(event_catalogue, "SCHEMAS", tmp_path / "events.json")
    monkeypatch.setattr(event_catalogue, "PAGE", tmp_path / "events.md")
    return tmp_path


def test_stale_files_are_refused_with_what_to_do(files: Path) -> None:
    """Missing counts as stale; writing mends it."""
    with pytest.raises(CommandError, match="make events"):
        call_command("event_catalogue", check=True)
    call_command("event_catalogue")
    call_command("event_catalogue", check=True)
    (files / "events.md").write_text("# Events")
    with pytest.raises(CommandError, match=r"events\.md is stale"):
        call_command("event_catalogue", check=True)


@pytest.mark.parametrize(
    ("path", "value", "breach"),
    [
        (["invoice.paid", "data", "properties", "vat"], {"type": "integer"}, "invoice.paid: vat is gone"),
        (["invoice.paid", "data", "properties", "amount"], {"type": "string"}, "invoice.paid: amount was "),
        (["invoice.exploded"], {"version": 1}, "invoice.exploded is gone"),
        (["invoice.paid", "version"], 2, "invoice.paid goes back from version 2 to 1"),
    ],
)
def test_what_would_break_subscribers_is_not_written(files: Path, path: list[str], value: Any, breach: str) -> None:
    """Against what was written before: `before` differs from the code at `path`."""
    before: Any = copy.deepcopy(catalogue.describe())
    at = before
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    (files / "events.json").write_text(json.dumps(before))
    with pytest.raises(CommandError, match=breach):
        call_command("event_catalogue")
    assert json.loads((files / "events.json").read_text()) == before


def test_a_field_that_may_be_missing_from_now_on_breaks_subscribers() -> None:
    """They have relied on it."""
    before = catalogue.describe()
    now = copy.deepcopy(before)
    now["invoice.paid"]["data"]["required"].remove("currency")
    assert list(catalogue.breaks(before, now)) == ["invoice.paid: currency may be missing"]


def test_what_is_only_more_breaks_nobody() -> None:
    """Another type, another field; and a higher version may be anything."""
    now = catalogue.describe()
    before = copy.deepcopy(now)
    del before["invoice.voided"]
    del before["invoice.paid"]["data"]["properties"]["currency"]
    before["invoice.created"] = {"version": 0, "data": {"properties": {"gone": {}}}}
    assert list(catalogue.breaks(before, now)) == []


@pytest.mark.django_db
def test_every_recorded_event_is_what_the_catalogue_says() -> None:
    """By a validator of its own: each field is there, and of its type."""
    ApiConsumer().post("customers", {"name": "Ada"})
    make_refund(make_paid(), 100)
    described = catalogue.describe()
    seen = set()
    for event in OutboxEvent.objects.all():
        jsonschema_rs.validate(described[event.type]["data"], event.data)
        assert set(event.data) == set(described[event.type]["data"]["properties"])
        seen.add(event.type)
    assert len(seen) > 8
