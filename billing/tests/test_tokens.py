"""Access tokens over HTTP: which open the API, and every way in which one does not."""

import base64
import datetime
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from billing import tokens
from billing.models import Session, User
from billing.tokens import AccessToken
from config.api.tests.test_problems import assert_problem
from tests.api import SignedIn

pytestmark = pytest.mark.django_db
PATH = "/api/v1/auth/me"
KEY = "another-key-of-more-than-32-characters"


def get(token: str) -> Any:
    return Client().get(PATH, headers={"authorization": f"Bearer {token}"})


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def claims_of(ada: SignedIn, **changes: Any) -> dict[str, Any]:
    """Those of a good token, with changes; None leaves one out."""
    now = int(time.time())
    claims = {"token_type": "access", "jti": "x", "sub": ada.user.pk, "sid": ada.session.pk, "iat": now}
    claims |= {"exp": now + 60, "aud": "quittance.api", "iss": "quittance"} | changes
    return {name: value for name, value in claims.items() if value is not None}


def forge(claims: Any, *, key: str = "", header: dict[str, Any] | None = None) -> str:
    """A token with any header and claims, signed with ours or another key."""
    head = b64(json.dumps(header or {"alg": "HS256", "typ": "JWT"}, separators=(",", ":")).encode())
    signed = f"{head}.{b64(json.dumps(claims).encode())}"
    secret = (key or django_settings.JWT_KEYS[0]).encode()
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def test_a_forged_token_with_our_key_is_as_good_as_ours() -> None:
    """So what the tests below change is why theirs are refused."""
    ada = SignedIn()
    assert get(ada.secret).json()["customer"] == ada.customer_id
    assert get(forge(claims_of(ada))).json()["email"] == ada.email
    assert forge({}).partition(".")[0] == ada.secret.partition(".")[0]


WRONG = {
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "other"},
    "no issuer": {"iss": None},
    "not yet": {"nbf": 2**33},
    "from the future": {"iat": 2**33},
    "for ever": {"exp": None},
    "until when is no number": {"exp": "x"},
    "a refresh token": {"token_type": "refresh"},
    "of no type": {"token_type": None},
    "without its own id": {"jti": None},
    "of no session": {"sid": None},
    "of a session nobody has": {"sid": "ses_01h455vb4pex5vsknk084sn02q"},
    "of a session that is none": {"sid": {"$gt": ""}},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_wrong_claims_are_refused_whoever_signed_them(changes: dict[str, Any]) -> None:
    """401 with one code and one sentence."""
    assert_problem(get(forge(claims_of(SignedIn(), **changes))), 401, "invalid_token")


HEADERS: dict[str, dict[str, Any]] = {
    "no algorithm": {"alg": "none", "typ": "JWT"},
    "None": {"alg": "None"},
    "RS256": {"alg": "RS256", "typ": "JWT"},
    "HS512": {"alg": "HS512", "typ": "JWT"},
    "a key to fetch": {"alg": "HS256", "typ": "JWT", "jku": "http://127.0.0.1/keys"},
    "a key of its own": {"alg": "HS256", "typ": "JWT", "jwk": {"kty": "oct", "k": "eA"}},
    "a file for a key": {"alg": "HS256", "typ": "JWT", "kid": "../../dev/null"},
    "in another order": {"typ": "JWT", "alg": "HS256"},
    "too deep": {"alg": "HS256", "x": json.loads("[" * 90 + "]" * 90)},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_no_header_chooses_how_a_token_is_checked(header: dict[str, Any]) -> None:
    """Signed or not."""
    token = forge(claims_of(SignedIn()), header=header)
    assert_problem(get(token), 401, "invalid_token")
    assert_problem(get(token.rpartition(".")[0] + "."), 401, "invalid_token")


def test_what_is_no_token_is_refused() -> None:
    """Cut, changed, signed by another key, or noise between two dots."""
    ada = SignedIn()
    head, claims, signature = ada.secret.split(".")
    changed = b64(base64.urlsafe_b64decode(claims + "==").replace(ada.session.pk[-4:].encode(), b"0000"))
    wrong = [
        forge(claims_of(ada), key=KEY),
        f"{head}.{changed}.{signature}",
        f"{head}.{claims}.",
        f"{head}..{signature}",
    ]
    wrong += ["..", "a.b.c", "é.é.é", f"{head}.!.!", ada.secret[:-1], ada.refresh, "x" * 9000 + ".y.z"]
    wrong += [forge([1]), forge("x"), forge(None)]
    for token in wrong:
        assert_problem(get(token), 401, "invalid_token")


def test_an_access_token_expires_and_says_so() -> None:
    """After a quarter of an hour by the wall, so that clients know to refresh it."""
    ada = SignedIn()
    now = datetime.datetime.now(datetime.UTC)
    with time_machine.travel(now + datetime.timedelta(minutes=14, seconds=55), tick=False):
        assert get(ada.secret).status_code == 200
    with time_machine.travel(now + datetime.timedelta(minutes=15, seconds=5), tick=False):
        assert_problem(get(ada.secret), 401, "token_expired")


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": datetime.datetime.now(datetime.UTC)}, {"expires_at": datetime.datetime.now(datetime.UTC)}],
)
def test_a_session_that_has_ended_takes_its_tokens_along(change: dict[str, Any]) -> None:
    """With the next request."""
    ada = SignedIn()
    Session.objects.update(**change)
    assert_problem(get(ada.secret), 401, "invalid_token")


@pytest.mark.parametrize("change", [{"is_active": False}, {"customer": None}])
def test_so_does_a_user_who_may_not_any_more(change: dict[str, Any]) -> None:
    """Whatever way the row was changed."""
    ada = SignedIn()
    User.objects.update(**change)
    assert_problem(get(ada.secret), 401, "invalid_token")


def test_keys_are_rotated_without_signing_anybody_out(settings: Settings) -> None:
    """The new one signs, the old one's tokens are good until it is taken away."""
    ada, old = SignedIn(), django_settings.JWT_KEYS[0]
    settings.JWT_KEYS = [KEY, old]
    fresh = str(AccessToken.of(ada.session))
    assert [get(token).status_code for token in (ada.secret, fresh)] == [200, 200]
    with time_machine.travel(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1), tick=False):
        assert_problem(get(ada.secret), 401, "token_expired")
    settings.JWT_KEYS = [KEY]
    assert get(fresh).status_code == 200
    assert_problem(get(ada.secret), 401, "invalid_token")
    assert tokens._ring((KEY,)).decode(fresh)["sid"] == ada.session.pk


def test_asking_who_asks_takes_one_statement() -> None:
    """Session and user in one, and nothing for a token that is not ours."""
    ada = SignedIn()
    get(ada.secret)
    with CaptureQueriesContext(connection) as queries:
        assert_problem(
            Client().get("/api/v1/events", headers={"authorization": f"Bearer {ada.secret}"}), 403, "not_for_customers"
        )
    assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        get(forge(claims_of(ada), key=KEY))
    assert len(queries) == 0


def test_tokens_are_neither_stored_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Rows name them by random bits, which open nothing."""
    with caplog.at_level("DEBUG"):
        ada = SignedIn()
        get(ada.secret)
    row = str(Session.objects.filter(pk=ada.session.pk).values().get())
    for token in (ada.secret, ada.refresh):
        assert token.rpartition(".")[2] not in row + caplog.text
