"""What every request passes, over HTTP."""

from typing import Any

import pytest
from django.test import Client, override_settings
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from config.api.tests.conftest import api, api_key
from config.api.tests.test_problems import assert_problem
from config.kernel import ids

__all__ = ["api", "api_key"]
pytestmark = pytest.mark.urls("config.api.tests.urls")


def test_a_request_id_is_echoed(api: Client) -> None:
    """On answers and on errors."""
    for path in ("/api/v1/echo", "/api/v1/nothing"):
        assert api.get(path, headers={"x-request-id": "order-17/retry:2"})["X-Request-ID"] == "order-17/retry:2"


@pytest.mark.parametrize("sent", [None, "", "a b", "x" * 101, "é", 'q"', "a\x7f"])
def test_an_unusable_request_id_is_replaced(api: Client, sent: str | None) -> None:
    """By a fresh one, safe in headers and logs."""
    response = api.get("/api/v1/echo", headers={} if sent is None else {"x-request-id": sent})
    assert ids.decode("req", response["X-Request-ID"]).version == 7


def test_a_trailing_slash_is_the_same_address(api: Client) -> None:
    """Served, not redirected: a POST keeps its body."""
    response = api.post("/api/v1/echo/", {"a": 1}, "application/json")
    assert response.status_code == 200
    assert response.json() == {"body": {"a": 1}}
    assert api.get("/api/v1/echo//").status_code == 200


def test_the_problem_of_a_slashed_address_names_the_canonical_one(api: Client) -> None:
    """As the rest of the service spells it."""
    assert api.get("/api/v1/nothing/").json()["instance"] == "/api/v1/nothing"


@pytest.mark.django_db
@pytest.mark.urls("config.urls")
def test_the_admin_keeps_its_slashes() -> None:
    """Its own addresses end in one."""
    assert Client().get("/admin/login/").status_code == 200


def padded(size: int) -> str:
    return '{"a": "' + "x" * (size - 9) + '"}'


@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 200), (1024 * 1024 + 1, 413)])
def test_bodies_are_bounded(api: Client, size: int, status: int) -> None:
    """One MiB passes, a byte more does not."""
    assert api.post("/api/v1/echo", padded(size), "application/json").status_code == status


@override_settings(MAX_BODY_BYTES=10)
def test_the_bound_is_a_setting(api: Client) -> None:
    """413 as a problem."""
    assert_problem(api.post("/api/v1/echo", padded(20), "application/json"), 413, "payload_too_large")


@pytest.mark.parametrize("length", ["x", "-1", "1.5", "+5", "٣", "0x10"])
def test_a_malformed_content_length_is_refused(api: Client, length: str) -> None:
    """400: how much to read would be a guess."""
    response = api.post("/api/v1/echo", {}, "application/json", CONTENT_LENGTH=length)
    assert_problem(response, 400, "bad_content_length")


def test_an_absurd_content_length_is_too_large(api: Client) -> None:
    """Even where Python refuses to read the number."""
    response = api.post("/api/v1/echo", {}, "application/json", CONTENT_LENGTH="9" * 5000)
    assert_problem(response, 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/api/v1/a%00b", "/api/v1/echo?a=%00", "/api/v1/echo?%00=1"])
def test_a_nul_character_in_the_address_is_refused(api: Client, path: str) -> None:
    """400: databases differ about it."""
    assert_problem(api.get(path), 400, "malformed_url")


@pytest.mark.parametrize("path", ["/api/v1/%FF%FE", "/api/v1/%E2%82", "/api/v1/%", "/api/v1/%zz"])
def test_a_broken_encoding_in_the_path_is_nothing(api: Client, path: str) -> None:
    """It names no object, so it is a 404."""
    assert_problem(api.get(path), 404, "not_found")


def test_a_broken_encoding_in_the_query_is_read_as_a_replacement(api: Client) -> None:
    """As browsers do."""
    assert api.get("/api/v1/echo?a=%FF%zz").json() == {"query": {"a": ["\ufffd%zz"]}}


HEADERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=120)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        [
            *("HTTP_X_REQUEST_ID", "HTTP_IDEMPOTENCY_KEY", "HTTP_ACCEPT", "HTTP_AUTHORIZATION", "HTTP_HOST"),
            *("CONTENT_TYPE", "CONTENT_LENGTH", "QUERY_STRING", "HTTP_COOKIE", "HTTP_X_FORWARDED_PROTO"),
        ]
    ),
    value=HEADERS,
    path=st.text(max_size=30),
)
def test_no_header_and_no_path_makes_the_server_fail(api: Client, name: str, value: str, path: str) -> None:
    """Whatever they hold, the answer is below 500 and carries a request id.

    A length beyond the body's is left to `tests/fuzz/test_headers.py`, on a real socket: Django's test client has no
    more bytes to wait for and asserts.
    """
    assume(name != "CONTENT_LENGTH" or not value.strip().isdecimal())
    extra: dict[str, Any] = {name: value}
    for target in ("/api/v1/keyed/optional", "/api/v1/" + path.encode("utf-8", "replace").decode()):
        response = api.generic("POST", target, b"{}", content_type="application/json", **extra)
        assert response.status_code < 500
        assert response["X-Request-ID"]
