"""What every operation of the API does with bad requests: found in the OpenAPI document, so that none is forgotten."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import services
from config.api import principals
from config.api.scopes import SCOPES
from config.api.tests.test_parsers import JSON
from config.api.tests.test_problems import assert_problem
from tests.api import SignedIn

pytestmark = pytest.mark.django_db
ABSENT = "01h455vb4pex5vsknk084sn02q"


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    return [(method, path, found) for path, methods in paths.items() for method, found in methods.items()]


OPERATIONS = _operations()


def _each(operations: list[tuple[str, str, dict[str, Any]]]) -> pytest.MarkDecorator:
    names = [operation["operationId"] for _, _, operation in operations]
    return pytest.mark.parametrize(("method", "path", "operation"), operations, ids=names)


each = _each(OPERATIONS)
each_closed = _each([found for found in OPERATIONS if found[2].get("security")])
each_for_back_ends = _each([found for found in OPERATIONS if "Needs the scope" in found[2].get("description", "")])
each_with_an_id = _each([found for found in OPERATIONS if "{" in found[1]])
each_read = _each([found for found in OPERATIONS if found[0] == "get"])
each_with_a_body = _each([found for found in OPERATIONS if "requestBody" in found[2]])


def fill(path: str, value: str) -> str:
    return "/".join(value if part.startswith("{") else part for part in path.split("/"))


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    headers.setdefault("idempotency-key", "fuzz")
    return client.generic(method.upper(), path, "{}" if body is None else body, "application/json", headers=headers)


@each_closed
def test_it_needs_a_key_that_works(method: str, path: str, operation: dict[str, Any]) -> None:
    """401 without one and with a wrong one, before anything is looked up."""
    assert_problem(send(Client(), method, fill(path, "x")), 401, "not_authenticated")
    wrong = send(Client(), method, fill(path, "x"), authorization="Bearer qt_test_" + "a" * 52)
    assert_problem(wrong, 401, "invalid_credentials")


@each_for_back_ends
def test_it_needs_its_scope(method: str, path: str, operation: dict[str, Any]) -> None:
    """Every other scope together does not open it."""
    needed = next(scope for scope in SCOPES if f"`{scope}`" in operation["description"])
    others = services.create_api_key(
        name="others", scopes=SCOPES.keys() - {needed}, mode="test", actor=principals.system("tests")
    )
    client = Client(headers={"authorization": f"Bearer {others.secret}"})
    document = assert_problem(send(client, method, fill(path, "x")), 403, "missing_scope")
    assert needed in document["detail"]


def whoever_may(operation: dict[str, Any], api: Client) -> Client:
    """The back end, or a customer where only they may."""
    if {"customer": []} not in operation.get("security", []) or {"apiKey": []} in operation["security"]:
        return api
    return Client(headers={"authorization": f"Bearer {SignedIn().secret}"})


def _bad_ids() -> Iterator[str]:
    yield from ("x", "%20", "%F0%9F%98%80", "%FF", "'", "-1", "None", "a" * 3000, ABSENT)
    yield from (f"{prefix}_{ABSENT}" for prefix in ("inv", "pay", "cus", "evt", "whe", "whd", "xxx"))
    yield from ("inv_" + "z" * 26, "INV_" + ABSENT.upper(), "inv_" + ABSENT + "%0A")


@each_with_an_id
def test_an_id_of_nothing_is_not_found(api: Client, method: str, path: str, operation: dict[str, Any]) -> None:
    """Whatever its form; a body that is wrong as well may be named first."""
    for bad in _bad_ids():
        response = send(api, method, fill(path, bad))
        assert response.status_code in ({404} if method == "get" else {404, 422}), (bad, response.content)
        assert response["Content-Type"] == "application/problem+json"


@each
def test_another_method_is_a_405(api: Client, method: str, path: str, operation: dict[str, Any]) -> None:
    """With those that are served."""
    served = {other for other, at, _ in OPERATIONS if at == path}
    response = send(api, next(each for each in ("delete", "put", "post") if each not in served), fill(path, "x"))
    assert_problem(response, 405, "method_not_allowed")
    assert method.upper() in response["Allow"].split(", ")


@each_with_a_body
def test_bodies_that_are_no_json_object_are_refused(
    api: Client, method: str, path: str, operation: dict[str, Any]
) -> None:
    """400 and 415, before anything is looked up."""
    api = whoever_may(operation, api)
    assert_problem(send(api, method, fill(path, "x"), "{"), 400, "malformed_json")
    assert_problem(send(api, method, fill(path, "x"), "[]"), 400, "malformed_json")
    response = api.generic(
        method.upper(), fill(path, "x"), "a=1", "application/x-www-form-urlencoded", headers={"idempotency-key": "k"}
    )
    assert_problem(response, 415, "unsupported_media_type")


QUERIES = [
    "limit=0",
    "limit=x",
    "cursor=x",
    "status=x",
    "status=",
    "customer=x",
    "invoice=x",
    "created_from=x",
    "number=%20",
    "created_from=0001-01-01T00:00:00%2B14:00",
    "created_before=9999-12-31T23:59:59-14:00",
    "created_from=2026-02-30",
    "created_from=2026-01-01",
    "email=%27",
    "email=%F0%9F%98%80",
    "provider=" + "x" * 3000,
    "unknown=1",
    "limit=1&limit=2",
    "created_from=2026-01-01T00:00:00",
    "order_id=%FF",
    "provider_reference=%5C",
]


@each_read
def test_no_query_makes_it_fail(api: Client, method: str, path: str, operation: dict[str, Any]) -> None:
    """Filters and cursors with values nobody expects."""
    api = whoever_may(operation, api)
    for query in QUERIES:
        response = api.get(f"{fill(path, 'x')}?{query}")
        assert response.status_code in (200, 404, 422), (query, response.content)


FIELDS = ["amount", "currency", "lines", "customer", "number", "metadata", "invoice", "order_id", "reason", "provider"]
FIELDS += ["email", "password", "first_name", "refresh", "token", "new_password"]
FIELDS += ["url", "events", "description", "overlap_seconds", "limit", "cursor", "type", "created_from"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), JSON, max_size=6), data=st.data())
def test_no_body_makes_any_operation_fail(api: Client, body: dict[str, Any], data: st.DataObject) -> None:
    """Arbitrary JSON in the fields that exist."""
    method, path, _ = data.draw(st.sampled_from([found for found in OPERATIONS if found[0] != "get"]))
    response = send(api, method, fill(path, f"inv_{ABSENT}"), json.dumps(body))
    assert response.status_code < 500, response.content
