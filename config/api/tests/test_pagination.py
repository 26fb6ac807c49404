"""Cursor pagination over HTTP."""

import base64
import datetime
import json

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import ApiKey
from config.api.tests.test_problems import assert_problem

pytestmark = pytest.mark.urls("config.api.tests.urls")


def add(name: str, created_at: datetime.datetime) -> None:
    ApiKey.objects.create(
        name=name, mode="test", prefix="qt", secret_hash=name, scopes=[], created_at=created_at, created_by="test"
    )


@pytest.fixture
def _rows(api: Client) -> None:
    ApiKey.objects.update(created_at=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    now = timezone.now()
    for number in range(7):
        add(f"row-{number}", now + datetime.timedelta(microseconds=number // 3))


def walk(api: Client, path: str, limit: int) -> list[str]:
    names: list[str] = []
    cursor = ""
    while True:
        page = api.get(path, {"limit": str(limit), **({"cursor": cursor} if cursor else {})}).json()
        assert len(page["data"]) <= limit
        assert page["has_more"] == (page["next_cursor"] is not None)
        names += [row["name"] for row in page["data"]]
        if not page["has_more"]:
            return names
        cursor = page["next_cursor"]


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("path", ["/api/v1/paged", "/api/v1/paged-by-id"])
def test_pages_hold_every_row_once_newest_first(api: Client, path: str, limit: int) -> None:
    """Also when several rows share an instant and a page ends between them."""
    names = walk(api, path, limit)
    assert sorted(names) == sorted(["tests", *(f"row-{number}" for number in range(7))])
    if path == "/api/v1/paged":
        assert {*names[:1]} == {"row-6"}
        assert {*names[1:4]} == {"row-3", "row-4", "row-5"}
        assert names[-1] == "tests"


@pytest.mark.usefixtures("_rows")
def test_a_new_row_does_not_move_the_next_page(api: Client) -> None:
    """The cursor names a row, not a number."""
    first = api.get("/api/v1/paged", {"limit": 3}).json()
    add("newest", timezone.now() + datetime.timedelta(days=1))
    second = api.get("/api/v1/paged", {"limit": 100, "cursor": first["next_cursor"]}).json()
    names = [row["name"] for row in first["data"] + second["data"]]
    assert len(names) == len(set(names)) == 8


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "", "٣", "9" * 30])
def test_a_bad_limit_is_named(api: Client, limit: str) -> None:
    """422, with what to send."""
    document = assert_problem(api.get("/api/v1/paged", {"limit": limit}), 422, "invalid_page")
    assert [(e["field"], e["code"]) for e in document["errors"]] == [("limit", "invalid_limit")]


def encoded(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


ID = "key_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "%%%",
        encoded(),
        encoded("2020-01-01T00:00:00+00:00"),
        encoded(1, 2),
        encoded("yesterday", ID),
        encoded("2020-01-01T00:00:00", ID),
        encoded("0001-01-01T00:00:00+14:00", ID),
        encoded("2020-01-01T00:00:00+00:00", "inv_01h455vb4pex5vsknk084sn02q"),
        base64.urlsafe_b64encode(b"[" * 100_000).decode()[:7000],
    ],
)
def test_a_bad_cursor_is_named(api: Client, cursor: str) -> None:
    """422, never a 500."""
    document = assert_problem(api.get("/api/v1/paged", {"cursor": cursor}), 422, "invalid_page")
    assert [(e["field"], e["code"]) for e in document["errors"]] == [("cursor", "invalid_cursor")]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.text(max_size=50), limit=st.text(max_size=10), at=st.datetimes(), zone=st.timezones())
def test_no_query_makes_the_server_fail(
    api: Client, cursor: str, limit: str, at: datetime.datetime, zone: datetime.tzinfo
) -> None:
    """Whatever the parameters, the answer is below 500."""
    assert api.get("/api/v1/paged", {"cursor": cursor, "limit": limit}).status_code < 500
    made = encoded(at.replace(tzinfo=zone).isoformat(), ID)
    assert api.get("/api/v1/paged", {"cursor": made}).status_code in (200, 422)
