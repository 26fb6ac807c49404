"""The addresses outside the API."""

import contextlib
import re

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_root_says_what_this_is() -> None:
    """And every address it names answers."""
    document = Client().get("/").json()
    assert document["name"] == "Quittance"
    for name in ("documentation", "schema", "health", "admin"):
        assert Client().get(document[name], follow=True).status_code == 200


def test_the_documentation_works_offline() -> None:
    """Swagger UI comes from this server; nothing is fetched from elsewhere."""
    page = Client().get("/docs").content.decode()
    assert "Quittance" in page
    assert "swagger-ui-bundle.js" in page
    assert "https://" not in page
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(assets) >= 4
    assert {status_of(asset) for asset in assets} == {200}


def status_of(asset: str) -> int:
    with contextlib.closing(Client().get(asset)) as response:
        return response.status_code


def test_an_unknown_address_is_a_problem() -> None:
    """Also outside the API."""
    response = Client().get("/nothing")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/", "/health", "/health/detailed"])
def test_a_write_where_there_is_nothing_to_write_is_a_405(path: str) -> None:
    """Not a page about CSRF tokens, which only browsers signed in to the admin need."""
    response = Client(enforce_csrf_checks=True).post(path)
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert response["Allow"] == "GET, HEAD"


def test_the_admin_is_found_without_its_slash() -> None:
    """As people type it."""
    assert Client().get("/admin", follow=True).redirect_chain[0] == ("/admin/", 302)
