"""Request bodies, read strictly."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.api.tests.test_problems import assert_problem

pytestmark = pytest.mark.urls("config.api.tests.urls")


def post(api: Client, body: bytes | str, content_type: str = "application/json") -> Any:
    return api.generic("POST", "/api/v1/echo", body, content_type)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "malformed_json"),
        ("{'a': 1}", "malformed_json"),
        ('{"a": NaN}', "malformed_json"),
        ('{"a": Infinity}', "malformed_json"),
        ('{"a": -Infinity}', "malformed_json"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"a": {"b": 1, "b": 1}}', "duplicate_key"),
        ("[]", "malformed_json"),
        ('"text"', "malformed_json"),
        ("null", "malformed_json"),
        ("1", "malformed_json"),
        ('{"a": 1} trailing', "malformed_json"),
        (b'{"a": "\xff"}', "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        ('{"a": ' * 40 + "1" + "}" * 40, "malformed_json"),
        ('{"a": ' + "[" * 200_000, "malformed_json"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "malformed_json"),
    ],
)
def test_a_malformed_body_is_refused(api: Client, body: bytes | str, code: str) -> None:
    """400, never a 500 and never a guess."""
    assert_problem(post(api, body), 400, code)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ('{"a": 9223372036854775808}', "a", "number_too_large"),
        ('{"a": -9223372036854775809}', "a", "number_too_large"),
        ('{"a": 1e999}', "a", "number_too_large"),
        ('{"a": [' + "9" * 5000 + "]}", "a.0", "number_too_large"),
        ('{"a": {"b": "x\\u0000"}}', "a.b", "nul_character"),
        ('{"a": ["\\ud800"]}', "a.0", "lone_surrogate"),
        ('{"a": {"\\udfff": 1}}', "a.?", "lone_surrogate"),
    ],
)
def test_a_value_nobody_can_store_is_named(api: Client, body: str, field: str, code: str) -> None:
    """422 with the dotted path."""
    document = assert_problem(post(api, body), 422, "invalid")
    assert [(e["field"], e["code"]) for e in document["errors"]] == [(field, code)]


@pytest.mark.parametrize("body", ["", "{}"])
def test_an_empty_body_is_an_empty_object(api: Client, body: str) -> None:
    """Most actions need no input."""
    assert post(api, body).json() == {"body": {}}


def test_the_largest_integer_and_deepest_nesting_pass(api: Client) -> None:
    """The bounds are inclusive."""
    body = '{"a": 9223372036854775807, "b": ' + "[" * 31 + "]" * 31 + "}"
    assert post(api, body).status_code == 200


def test_escaped_pairs_of_surrogates_are_text(api: Client) -> None:
    """Only lone ones are refused."""
    assert post(api, '{"a": "\\ud83d\\ude00"}').json() == {"body": {"a": "😀"}}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/jsonx",
        "nonsense",
    ],
)
def test_another_content_type_is_refused(api: Client, content_type: str) -> None:
    """415: only JSON in UTF-8 is read."""
    assert_problem(post(api, "{}", content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", 'application/json;charset="utf-8"'])
def test_utf_8_may_be_said(api: Client, content_type: str) -> None:
    """In any spelling."""
    assert post(api, "{}", content_type).status_code == 200


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(body=b'{"a":1e400}')
@example(body=b"-")
def test_no_bytes_make_the_server_fail(api: Client, body: bytes) -> None:
    """Whatever is sent, the answer is below 500."""
    response = post(api, body)
    assert response.status_code < 500
    assert response.status_code == 200 or response["Content-Type"] == "application/problem+json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(), children, max_size=5),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.dictionaries(st.text(), JSON, max_size=5))
def test_json_is_read_as_it_was_meant_or_refused(api: Client, value: dict[str, Any]) -> None:
    """An accepted body is exactly what was sent."""
    value.pop("lines", None)
    value.pop("email", None)
    response = post(api, json.dumps(value))
    assert response.status_code in (200, 400, 422)
    if response.status_code == 200:
        assert response.json() == {"body": value}
