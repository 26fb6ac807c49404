"""What fuzzing has found, once each."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.api import ApiConsumer

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


@pytest.mark.parametrize(
    "query",
    [
        "invoices/invoice/?id__regex=%5B",
        "invoices/invoice/?status__iregex=%3F",
        "invoices/invoice/?created_at__gte=0001-01-01T00%3A00%3A00%2B14%3A00",
        "outbox/heldevent/?held_at__year=0",
        "inbound/providerevent/?payload__icontains=x",
        "billing/user/?email__regex=%5B",
        "inbound/replay/?created_at__gte=2026-11-20",
        "outbox/outboxevent/?occurred_at__gte=2026-11-20",
        "invoices/invoice/?created_at__gte=2026-11-20T00:00:00",
        "billing/user/?date_joined__gte=0001-01-01T00%3A00%3A00%2B14%3A00",
        "auth/group/?name__regex=%5B",
    ],
)
def test_a_lookup_that_no_filter_offers_is_refused_by_the_admin(admin_client: Client, query: str) -> None:
    """A pattern the database cannot read was a 503, an instant before the first year a 500."""
    assert admin_client.get(f"/admin/{query}").status_code in (302, 400)


def codes(response: Any) -> set[tuple[str, str]]:
    """(field, code) of every error of a 422."""
    assert response.status_code == 422, response.content
    return {(error["field"], error["code"]) for error in response.json()["errors"]}


def test_names_of_every_script_are_stored_and_found(api: ApiConsumer) -> None:
    """On a database whose default is latin1 they were a 503 for ever, in bodies and in filters."""
    created = api.post("customers", {"name": "Żółć 日本 \U00013e23", "email": "a@b.example"})
    assert (created.status_code, created.json()["name"]) == (201, "Żółć 日本 \U00013e23")
    assert api.get("customers?email=%F1%96%A8%A4").status_code == 200
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@character_set_database")
            assert cursor.fetchone() == ("utf8mb4",)


@pytest.mark.parametrize(
    "path",
    [
        "customers?email=",
        "invoices?customer=",
        "invoices?number=",
        "invoices?order_id=",
        "invoices?status=",
        "invoices?created_from=",
        "payments?invoice=",
        "payments?created_before=",
        "payments?provider=&limit=1",
    ],
)
def test_an_empty_filter_is_refused(api: ApiConsumer, path: str) -> None:
    """A back end that lost the id it asks about was shown everybody's rows."""
    name = path.partition("?")[2].partition("=")[0]
    assert codes(api.get(path)) == {(name, "blank")}


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("customers", {"name": 0}, ("name", "not_text")),
        ("customers", {"email": "a@b.example", "name": True}, ("name", "invalid")),
        ("invoices", {"amount": 1, "currency": "EUR", "number": 2026}, ("number", "not_text")),
        (
            "invoices",
            {"currency": "EUR", "lines": [{"unit_amount": 1, "quantity": "3"}]},
            ("quantity", "not_an_integer"),
        ),
        (
            "invoices",
            {"currency": "EUR", "lines": [{"unit_amount": 1, "quantity": 3.0}]},
            ("quantity", "not_an_integer"),
        ),
        ("payments/pay_x/fail", {"retryable": "no"}, ("retryable", "not_a_boolean")),
        ("payments/pay_x/fail", {"retryable": 0}, ("retryable", "not_a_boolean")),
    ],
)
def test_a_value_of_another_json_type_is_refused(
    api: ApiConsumer, path: str, body: dict[str, Any], error: tuple[str, str]
) -> None:
    """The number 0 was stored as the text "0", and "no" taken for false: not what the document says."""
    field, code = error
    assert {(name.rpartition(".")[2], code) for name, code in codes(api.post(path, body))} == {(field, code)}
