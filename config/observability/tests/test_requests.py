"""The line and the measurement of each request."""

import logging
from typing import Any

import pytest
from django.test import Client

from config.api.tests.conftest import api, api_key
from config.observability.tests.numbers import Change

__all__ = ["api", "api_key"]
SECONDS = "quittance_request_seconds_count"


def lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == "config.observability.requests"]


@pytest.mark.urls("config.api.tests.urls")
def test_a_request_has_one_line_without_its_query(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Method, path, status, time and who asked."""
    caplog.set_level(logging.INFO)
    api.get("/api/v1/echo?token=abc123")
    (line,) = lines(caplog)
    assert (line.method, line.path, line.status) == ("GET", "/api/v1/echo", 200)
    assert line.principal.startswith("api_key:")
    assert line.duration_ms >= 0
    assert "abc123" not in caplog.text + str([vars(record) for record in lines(caplog)])


@pytest.mark.urls("config.api.tests.urls")
@pytest.mark.parametrize(("path", "status"), [("/api/v1/nothing", 404), ("/api/v1/a%00b", 400)])
def test_a_refused_request_has_its_line_too(
    api: Client, caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    """Also when middleware refuses it; counted under no view."""
    change = Change(SECONDS)
    caplog.set_level(logging.INFO)
    api.get(path)
    assert [line.status for line in lines(caplog)] == [status]
    assert change.seen() == {("GET", "4xx", "nowhere"): 1}


@pytest.mark.urls("config.api.tests.urls")
def test_a_measurement_goes_by_pattern_and_by_known_methods() -> None:
    """Ten paths of one view are one series, and a method somebody invents is "other"."""
    change = Change(SECONDS)
    for number in range(10):
        Client().generic("BREW" if number % 2 else "GET", f"/api/v1/nothing/{number}")
    assert change.seen() == {("GET", "4xx", "nowhere"): 5, ("other", "4xx", "nowhere"): 5}


@pytest.mark.django_db
def test_a_path_that_names_an_object_is_measured_by_its_view() -> None:
    """The pattern, not the id."""
    change = Change(SECONDS)
    for number in range(3):
        Client().get(f"/api/v1/invoices/inv_{number}")
    assert change.seen() == {("GET", "4xx", "api/v1/invoices/<str:invoice_id>"): 3}


def test_a_health_check_that_is_well_makes_no_line(caplog: pytest.LogCaptureFixture) -> None:
    """Load balancers ask every second."""
    caplog.set_level(logging.INFO)
    Client().get("/health")
    assert lines(caplog) == []


@pytest.mark.django_db
def test_staff_is_named_once_the_request_knows_them(admin_client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is looked up for the line alone."""
    caplog.set_level(logging.INFO)
    admin_client.get("/admin/")
    Client().get("/admin/login/")
    assert [line.principal[:6] for line in lines(caplog)] == ["staff:", ""]
