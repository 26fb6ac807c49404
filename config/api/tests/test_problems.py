"""Every error there is, over HTTP."""

import logging
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.urls("config.api.tests.urls")

STATUSES = {
    "not-found": (404, "not_found"),
    "conflict": (409, "invoice_is_paid"),
    "invalid": (422, "invalid"),
    "unavailable": (503, "unavailable"),
    "parse": (400, "parse_error"),
    "validation": (422, "invalid"),
    "validation-list": (422, "invalid"),
    "not-authenticated": (401, "not_authenticated"),
    "denied": (403, "permission_denied"),
    "throttled": (429, "throttled"),
    "operational": (503, "unavailable"),
    "interface": (503, "unavailable"),
    "django-404": (404, "not_found"),
    "django-403": (403, "permission_denied"),
    "django-invalid": (422, "invalid"),
    "too-big": (413, "payload_too_large"),
    "suspicious": (400, "bad_request"),
    "bug": (500, "internal_error"),
}


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    document: dict[str, Any] = response.json()
    assert response.status_code == status, document
    assert response["Content-Type"] == "application/problem+json"
    assert (document["status"], document["code"]) == (status, code)
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == response["X-Request-ID"]
    assert isinstance(document["errors"], list)
    return document


@pytest.mark.parametrize(("what", "status", "code"), [(what, *answer) for what, answer in STATUSES.items()])
@pytest.mark.parametrize("place", ["api/v1/raise", "plain"])
def test_every_error_is_a_problem(api: Client, place: str, what: str, status: int, code: str) -> None:
    """Whether a REST framework view or a plain one raises it, the answer is the same problem and tells no secret."""
    response = api.get(f"/{place}/{what}")
    document = assert_problem(response, status, code)
    assert document["instance"] == f"/{place}/{what}"
    assert "secret" not in response.content.decode()


def test_the_statuses_cover_every_error() -> None:
    """An error added to the test's addresses is also expected here."""
    from config.api.tests.urls import ERRORS

    assert ERRORS.keys() == STATUSES.keys()


def test_attributes_of_a_domain_error_that_are_json_scalars_are_members(api: Client) -> None:
    """The id is exposed; an object is not, and `status` stays the HTTP status."""
    document = api.get("/api/v1/raise/conflict").json()
    assert document["id"] == "inv_1"
    assert document["detail"] == "Invoice inv_1 is paid."
    assert document["status"] == 409
    assert "secret" not in document


def test_field_errors_have_dotted_paths_through_lists(api: Client) -> None:
    """The second line's amount is lines.1.unit_amount."""
    errors = api.get("/api/v1/raise/validation").json()["errors"]
    assert errors == [{"field": "lines.1.unit_amount", "code": "invalid", "detail": "Too small."}]


def test_several_errors_of_one_field_keep_its_name(api: Client) -> None:
    """A list of messages is not a list of items."""
    errors = api.get("/api/v1/raise/validation-list").json()["errors"]
    assert [(e["field"], e["detail"]) for e in errors] == [("tags", "First."), ("tags", "Second."), ("", "No.")]


def test_serializers_name_the_field_inside_a_list(api: Client) -> None:
    """As a real body, not only as a raised error."""
    response = api.post("/api/v1/echo", {"lines": [{"unit_amount": 5}, {"unit_amount": 0}]}, "application/json")
    document = assert_problem(response, 422, "invalid")
    assert [e["field"] for e in document["errors"]] == ["lines.1.unit_amount"]
    assert "lines.1.unit_amount" in document["detail"]


@pytest.mark.parametrize(("what", "seconds"), [("unavailable", "7"), ("operational", "1"), ("throttled", "30")])
def test_errors_that_pass_say_when_to_try_again(api: Client, what: str, seconds: str) -> None:
    """Retry-After is in seconds."""
    assert api.get(f"/api/v1/raise/{what}")["Retry-After"] == seconds


@pytest.mark.django_db
def test_a_missing_credential_asks_for_a_bearer_token() -> None:
    """401 with WWW-Authenticate."""
    response = Client().get("/api/v1/echo")
    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


def test_an_unmatched_address_is_a_problem(api: Client) -> None:
    """404, as JSON."""
    assert_problem(api.get("/api/v1/nothing"), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/v1/echo", "/plain/conflict"])
def test_a_wrong_method_is_a_problem_that_names_the_right_ones(api: Client, path: str) -> None:
    """405 with Allow, from REST framework and from plain views."""
    response = api.delete(path)
    assert_problem(response, 405, "method_not_allowed")
    allowed = response["Allow"].split(", ")
    assert "GET" in allowed
    assert not {"DELETE", "OPTIONS"} & set(allowed)


def test_options_is_a_method_like_any_other(api: Client) -> None:
    """No metadata is served about views."""
    response = api.options("/api/v1/echo")
    assert_problem(response, 405, "method_not_allowed")


def test_a_client_that_takes_no_json_gets_406(api: Client) -> None:
    """As a problem, whatever it accepts."""
    assert_problem(api.get("/api/v1/echo", headers={"accept": "image/png"}), 406, "not_acceptable")


def test_a_client_that_accepts_problems_and_json_gets_json(api: Client) -> None:
    """The media type of errors does not disturb negotiation."""
    accept = "application/problem+json, application/json"
    assert api.get("/api/v1/echo", headers={"accept": accept}).status_code == 200


def test_an_unknown_host_is_a_problem(api: Client) -> None:
    """400, not Django's HTML page."""
    assert_problem(api.get("/api/v1/echo", headers={"host": "evil.example"}), 400, "unknown_host")


def test_a_bug_is_logged_with_the_request_id(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    """What the client is told to quote finds the traceback."""
    with caplog.at_level(logging.ERROR):
        response = api.get("/api/v1/raise/bug", headers={"x-request-id": "trace-me"})
    assert_problem(response, 500, "internal_error")
    assert "trace-me" in caplog.text
    assert "KeyError" in caplog.text
