"""The OpenAPI document."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.urls import get_resolver
from django.urls.resolvers import URLResolver

from config.api import permissions
from config.api.scopes import SCOPES

NAMING_OBJECTS = {
    "payments_create",
    "payment_methods_create",
    "subscriptions_create",
    "subscriptions_trial",
    "usage_use",
    "usage_me",
    "usage_limits",
}
"""Creating operations whose bodies name what they are about."""
COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def text() -> str:
    """As the command writes it; any warning of the generator fails it."""
    output = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=output)
    return output.getvalue()


@pytest.fixture(scope="module")
def document(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_the_committed_document_is_the_one_the_code_describes(text: str) -> None:
    """Otherwise run: manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml."""
    assert COMMITTED.read_text() == text


def test_every_operation_tells_its_errors(document: dict[str, Any]) -> None:
    """Those that any request can meet, and those of its own kind."""
    seen = 0
    for path, method, operation in operations(document):
        responses = operation["responses"].keys()
        assert {"400", "422", "503"} <= responses, (method, path)
        assert "security" not in operation or {"401", "403"} <= responses, (method, path)
        names_objects = "{" in path or operation["operationId"] in NAMING_OBJECTS
        assert ("404" in responses) == names_objects, (method, path)
        assert ({"411", "413", "415"} <= responses) == ("requestBody" in operation), (method, path)
        assert ("409" in responses) == (method != "GET"), (method, path)
        seen += 1
    assert seen >= 10


def test_every_reference_points_at_something(document: dict[str, Any]) -> None:
    """Problems, parameters and schemas alike."""

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    found = set(references(document))
    assert "#/components/schemas/Problem" in found
    for reference in found:
        target = document
        for name in reference.removeprefix("#/").split("/"):
            target = target[name]


def test_every_operation_has_a_stable_id_and_asks_for_a_key(document: dict[str, Any]) -> None:
    """Unique ids without the numbers that a generator adds to collisions."""
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert not [name for name in ids if name[-1].isdigit()]
    for path, _, operation in operations(document):
        schemes = [name for each in operation.get("security", [{"none": []}]) for name in each]
        for_back_ends = "Needs the scope" in operation.get("description", "")
        assert ("apiKey" in schemes) == for_back_ends, path
        if "/auth/" not in path:
            assert ("customer" in schemes) == ("Customers may" in operation["description"]), path
            assert for_back_ends, path


def test_what_answers_201_or_200_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    """Every creating POST of a credential's owner, and nothing else; it is required where the view says so."""
    for path, method, operation in operations(document):
        keys = [p for p in operation["parameters"] if p.get("name") == "Idempotency-Key"]
        creates = method == "POST" and "201" in operation["responses"] and "security" in operation
        assert bool(keys) == creates, (method, path)
        if operation["operationId"] in ("invoices_pay", "payments_create"):
            assert keys[0]["required"], path


def views() -> Iterator[Any]:
    def walk(resolver: URLResolver) -> Iterator[Any]:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern)
            elif hasattr(pattern.callback, "cls"):
                yield pattern.callback.cls

    yield from walk(get_resolver("config.urls"))


def test_every_view_names_a_known_scope_for_each_method() -> None:
    """A scope nobody can be given, or a method without one, would be closed to everybody."""
    checked = 0
    for view in views():
        if permissions.HasScope not in view.permission_classes:
            continue
        served = {name.upper() for name in view.http_method_names if hasattr(view, name)} - {"OPTIONS", "HEAD"}
        scopes = permissions.required_scopes(view)
        assert served == scopes.keys() | permissions.customer_methods(view), view
        assert scopes.keys() == served or not scopes, view
        assert set(scopes.values()) <= SCOPES.keys(), view
        checked += 1
    assert checked >= 5
