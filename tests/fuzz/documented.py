"""What any answer must be like: known to docs/openapi.yaml, and a problem document when it refuses."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import yaml
from django.db import connection

from tests.fuzz.attack import DOCUMENT

PROBLEM = "application/problem+json"
TABLES = (
    *("invoices_customer", "invoices_invoice", "invoices_invoiceline", "invoices_journal", "payments_payment"),
    *("payments_paymentmethod", "payments_receipt", "payments_refund", "payments_dispute", "outbox_outboxevent"),
    *("inbound_providerevent", "outbound_endpoint", "outbound_endpointsecret", "outbound_delivery"),
    *("invoices_creditentry", "billing_plan", "billing_planversion", "billing_subscription"),
    "billing_subscriptioninvoice",
    *("billing_usagecounter", "billing_usagerecord", "billing_user", "billing_session"),
)


@functools.cache
def document() -> dict[str, Any]:
    """docs/openapi.yaml."""
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return loaded


def statuses(method: str, path: str) -> dict[int, str | None]:
    """{status: content type} of the operation at `path`, written as in the document; None where there is no content."""
    responses = document()["paths"][path][method.lower()]["responses"]
    return {int(status): _content_type(response) for status, response in responses.items()}


def _content_type(response: dict[str, Any]) -> str | None:
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return next(iter(response.get("content", ())), None)


def check(*, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Assert that the operation's document tells of this answer, and that it is no 5xx."""
    known = statuses(method, path)
    assert status < 500, (status, body)
    assert status in known, (status, body)
    assert headers.get("Content-Type") == known[status], (status, headers)
    if status >= 400:
        check_problem(status=status, headers=headers, body=body)


def check_problem(*, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Assert that this refusal is a problem document of the documented shape, under the request's id."""
    assert headers["Content-Type"] == PROBLEM
    problem = json.loads(body)
    _check_shape(problem, document()["components"]["schemas"]["Problem"])
    assert problem["status"] == status
    assert problem["request_id"] == headers["X-Request-ID"] != ""


_TYPES = {"string": str, "integer": int, "array": list}


def _check_shape(value: dict[str, Any], schema: dict[str, Any]) -> None:
    """`schema` is an object of scalars and lists of such objects."""
    assert value.keys() >= set(schema["required"]), value
    for name, member in schema["properties"].items():
        if name in value:
            assert isinstance(value[name], _TYPES[member["type"]]), (name, value)
        if member["type"] == "array":
            for item in value[name]:
                _check_shape(item, member["items"])


def stored() -> tuple[int, ...]:
    """How many rows the tables of money and events hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in TABLES))
        return tuple(cursor.fetchone())
