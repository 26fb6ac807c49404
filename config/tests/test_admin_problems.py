"""What goes wrong under /admin/ is a page for people, with the status it has elsewhere."""

import html
import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from config.admin.dashboard import Tile
from tests.staff import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    return signed_in(is_superuser=True, raise_request_exception=False)


def shown(response: Any, status: int) -> str:
    """The page's text; it names the request, and is nothing but HTML."""
    text = html.unescape(response.content.decode())
    assert response.status_code == status, text
    assert response["Content-Type"].startswith("text/html")
    assert response["X-Request-ID"] in text
    return text


def test_an_address_that_leads_nowhere_is_a_page(staff: Client) -> None:
    """404, and a way back."""
    for path in ("/admin/nowhere/", "/admin/outbox/heldevent/hev_01h455vb4pex5vsknk084sn02q/skip/"):
        text = shown(staff.get(path), 404)
        assert 'href="/admin/"' in text


def test_what_is_not_allowed_is_a_page() -> None:
    """403."""
    shown(signed_in().get("/admin/invoices/invoice/"), 403)


@pytest.mark.parametrize(
    ("path", "status"), [("/admin/?x=%00", 400), ("/admin/find/?q=4242424242424242", 422), ("/admin/%00/", 400)]
)
def test_what_a_middleware_refuses_is_a_page(staff: Client, path: str, status: int) -> None:
    """Malformed addresses and card numbers; the number is not repeated."""
    assert "4242424242424242" not in shown(staff.get(path), status)


def test_a_body_that_is_too_large_is_a_page(staff: Client) -> None:
    """413."""
    shown(staff.post("/admin/login/", {"reason": "x" * 2_000_000}), 413)


def test_a_database_that_is_away_is_a_page(staff: Client) -> None:
    """503 with Retry-After, without asking the database for anything."""

    def away(*_: Any) -> Any:
        raise OperationalError(2006, "Server has gone away")

    with connection.execute_wrapper(away):
        response = staff.get("/admin/invoices/invoice/")
    shown(response, 503)
    assert response["Retry-After"]


def buggy_tiles() -> list[Tile]:
    """An app's part of the first page, with a bug."""
    raise ZeroDivisionError


def test_a_bug_is_a_page_without_its_innards(staff: Client, settings: Any) -> None:
    """500; the log has the traceback, the page the request's id."""
    settings.ADMIN_ATTENTION = {f"{__name__}.buggy_tiles": "invoices.view_invoice"}
    assert "ZeroDivisionError" not in shown(staff.get("/admin/"), 500)


def test_outside_the_admin_a_problem_stays_json() -> None:
    """Consumers read documents."""
    response = Client().get("/api/v1/nowhere")
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["status"] == 404
