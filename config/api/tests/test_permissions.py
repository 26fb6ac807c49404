"""Scopes over HTTP."""

import pytest
from django.test import Client

from billing import services
from config.api import principals
from config.api.tests.test_problems import assert_problem

pytestmark = [pytest.mark.urls("config.api.tests.urls"), pytest.mark.django_db]


@pytest.fixture
def reader() -> Client:
    created = services.create_api_key(
        name="reader", scopes=["invoices:read"], mode="test", actor=principals.system("tests")
    )
    return Client(headers={"authorization": f"Bearer {created.secret}"})


def test_a_scope_opens_its_method_only(reader: Client) -> None:
    """Reading is allowed, writing is a 403 that names the missing scope."""
    assert reader.get("/api/v1/echo").status_code == 200
    assert reader.head("/api/v1/echo").status_code == 200
    document = assert_problem(reader.post("/api/v1/echo", {}, "application/json"), 403, "missing_scope")
    assert "invoices:write" in document["detail"]


def test_a_view_without_scopes_is_closed(reader: Client) -> None:
    """Forgetting to declare one opens nothing."""
    assert_problem(reader.get("/api/v1/no-scope"), 403, "missing_scope")


def test_a_method_nobody_serves_is_405_whatever_the_scopes(reader: Client) -> None:
    """The permission does not hide it."""
    assert_problem(reader.put("/api/v1/echo", {}, "application/json"), 405, "method_not_allowed")
