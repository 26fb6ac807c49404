"""API keys over HTTP."""

import datetime
import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import services
from billing.models import ApiKey
from config.api import principals
from config.api.tests.test_problems import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.urls("config.api.tests.urls")]
ACTOR = principals.system("tests")
PATH = "/api/v1/echo"


def create(expires_at: datetime.datetime | None = None, mode: str = "test") -> services.CreatedApiKey:
    return services.create_api_key(name="shop", scopes=["invoices:read"], mode=mode, actor=ACTOR, expires_at=expires_at)


def get(authorization: str) -> Any:
    return Client().get(PATH, headers={"authorization": authorization})


@pytest.mark.parametrize("mode", ["test", "live"])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_a_key_opens_the_api(mode: str, scheme: str) -> None:
    """The scheme's case does not matter."""
    created = create(mode=mode)
    assert created.secret.startswith(f"qt_{mode}_")
    assert get(scheme + created.secret).status_code == 200


def test_wrong_keys_are_refused() -> None:
    """Near misses, other schemes, nothing: 401 that asks for a bearer token and tells nothing else apart."""
    secret = create().secret
    wrong = [secret[:-1], secret + "a", secret.upper(), secret[:-1] + ("a" if secret[-1] != "a" else "b")]
    wrong += [secret.replace("qt_test_", "qt_live_"), "qt_test_", "x", "", "é" * 60, "a b"]
    details = set()
    for token in wrong:
        response = get(f"Bearer {token}")
        details.add(assert_problem(response, 401, "invalid_credentials")["detail"])
        assert response["WWW-Authenticate"] == "Bearer"
    assert len(details) == 1
    for header in (f"Basic {secret}", secret, ""):
        assert_problem(get(header), 401, "not_authenticated")


def test_a_revoked_key_stops_working() -> None:
    """With the next request."""
    created = create()
    services.revoke_api_key(api_key_id=created.api_key.pk, actor=ACTOR, reason="leaked")
    assert_problem(get(f"Bearer {created.secret}"), 401, "invalid_credentials")


def test_a_key_works_until_the_instant_it_expires() -> None:
    """Not at it."""
    now = timezone.now()
    created = create(expires_at=now + datetime.timedelta(hours=1))
    assert get(f"Bearer {created.secret}").status_code == 200
    ApiKey.objects.update(expires_at=now)
    assert_problem(get(f"Bearer {created.secret}"), 401, "invalid_credentials")
    expires_at = now + datetime.timedelta(hours=1)
    assert created.api_key.is_usable(expires_at - datetime.timedelta(microseconds=1))
    assert not created.api_key.is_usable(expires_at)


@pytest.mark.parametrize(("seconds_ago", "writes"), [(None, 1), (61, 1), (50, 0)])
def test_use_is_recorded_once_a_minute(seconds_ago: int | None, writes: int) -> None:
    """Other requests only read."""
    created = create()
    before = None if seconds_ago is None else timezone.now() - datetime.timedelta(seconds=seconds_ago)
    ApiKey.objects.update(latest_used_at=before)
    with CaptureQueriesContext(connection) as queries:
        get(f"Bearer {created.secret}")
    assert len([query for query in queries if query["sql"].startswith("UPDATE")]) == writes
    after = ApiKey.objects.get(pk=created.api_key.pk).latest_used_at
    assert (after == before) == (writes == 0)


def test_the_key_is_neither_stored_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not its random part, nowhere."""
    with caplog.at_level(logging.DEBUG):
        created = create()
        get(f"Bearer {created.secret}")
    row = ApiKey.objects.filter(pk=created.api_key.pk).values().get()
    random_part = created.secret.removeprefix("qt_test_")
    assert random_part not in str(row)
    assert random_part not in caplog.text
    assert random_part not in repr(created)
    assert row["prefix"] == created.secret[:16]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.text(st.characters(max_codepoint=0xFF), max_size=100), bearer=st.booleans())
def test_no_authorization_header_makes_the_server_fail(header: str, bearer: bool) -> None:
    """Whatever it holds, the answer is a 401."""
    response = Client().get(PATH, HTTP_AUTHORIZATION=f"Bearer {header}" if bearer else header)
    assert response.status_code == 401
