"""Signing in to the admin, and guessing at it."""

import random
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from billing import throttling
from billing.models import User
from config.tests.servers import database_url, granian
from tests.concurrency.threads import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse"


def an_address() -> str:
    """Nobody's before."""
    return ".".join(["10", *(str(random.randrange(256)) for _ in range(3))])


@pytest.fixture
def account() -> str:
    email = f"staff-{random.getrandbits(64):x}@example.com"
    User.objects.create_superuser(email, PASSWORD)
    return email


@pytest.fixture(autouse=True)
def a_whole_window(settings: Settings) -> None:
    """One that does not end in the middle of a test."""
    settings.SIGN_IN_WINDOW_SECONDS = 10**9


def sign_in(account: str, password: str = PASSWORD, *, address: str, **headers: Any) -> Any:
    form = {"username": account, "password": password}
    return Client().post("/admin/login/?next=/admin/", form, REMOTE_ADDR=address, **headers)


def fail(account: str, *, address: str, times: int = 5) -> None:
    for _ in range(times):
        assert sign_in(account, "wrong", address=address).status_code == 200


def test_the_sixth_try_is_refused_on_a_page_that_says_for_how_long(account: str) -> None:
    """429 with Retry-After, also for the right password: whoever guesses must not learn that it was right."""
    address = an_address()
    fail(account, address=address)
    response = sign_in(account, address=address)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 10**9
    assert response["Content-Type"].startswith("text/html")
    assert re.search(r"too many failed attempts to sign in\. Try again in \d+ second", response.content.decode())


def test_an_account_is_not_kept_from_its_owner_elsewhere(account: str) -> None:
    """What one address may not do any more, another may."""
    stranger = an_address()
    fail(account, address=stranger)
    for _ in range(50):
        assert sign_in(account, "wrong", address=stranger).status_code == 429
    assert sign_in(account, address=an_address()).status_code == 302


def test_what_was_right_is_not_counted(account: str) -> None:
    """A day's sign-ins of a whole office leave every try there was."""
    address = an_address()
    for _ in range(12):
        assert sign_in(account, address=address).status_code == 302
    fail(account, address=address)
    assert sign_in(account, address=address).status_code == 429


def test_one_address_may_not_try_account_after_account(account: str, settings: Settings) -> None:
    """Known names and invented ones count alike."""
    settings.SIGN_IN_LIMITS = {"account_and_address": 5, "address": 7}
    address = an_address()
    for number in range(7):
        fail(f"nobody-{number}@example.com", address=address, times=1)
    assert sign_in(account, address=address).status_code == 429
    assert sign_in(account, address=an_address()).status_code == 302


def test_many_addresses_may_not_try_one_account_for_ever(account: str, settings: Settings) -> None:
    """Until the window ends."""
    settings.SIGN_IN_LIMITS = {"account_and_address": 5, "account": 7}
    for _ in range(7):
        fail(account, address=an_address(), times=1)
    assert sign_in(account, address=an_address()).status_code == 429


def test_an_account_is_the_same_in_any_case(account: str) -> None:
    """As it is when its user signs in."""
    address = an_address()
    for name in (account, account.upper(), f" {account}", account.title(), account):
        sign_in(name, "wrong", address=address)
    assert sign_in(account, address=address).status_code == 429


def test_nobody_is_locked_out_for_longer_than_a_window(account: str, settings: Settings) -> None:
    """Tries meanwhile do not make it longer."""
    settings.SIGN_IN_WINDOW_SECONDS = 2
    settings.SIGN_IN_LIMITS = {"account_and_address": 1}
    address = an_address()
    time.sleep(2 - time.time() % 2)
    statuses = [sign_in(account, "wrong", address=address).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]
    time.sleep(2 - time.time() % 2)
    assert sign_in(account, address=address).status_code == 302


def test_many_at_once_are_no_way_around_the_limit(account: str) -> None:
    """A try is counted before its password is looked at."""
    address = an_address()
    statuses = all_at_once([lambda: sign_in(account, "wrong", address=address).status_code] * 12)
    assert sorted(statuses) == [200] * 5 + [429] * 7


def test_without_a_cache_people_sign_in(account: str, settings: Settings) -> None:
    """The limit is lost, and not the back office."""
    backend = "config.redis_cache.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}
    address = an_address()
    fail(account, address=address, times=7)
    assert sign_in(account, address=address).status_code == 302


def test_the_cache_holds_no_names(account: str) -> None:
    """Keys are digests."""
    seen: list[str] = []
    add = cache.add
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throttling, "cache", _Noting(seen, add))
        sign_in(account, "wrong", address=an_address())
    assert len(seen) == 3
    assert all(re.fullmatch(r"sign-in:\w+:\d+:[0-9a-f]{64}", key) for key in seen)


class _Noting:
    """The cache, and the keys it is asked for."""

    def __init__(self, seen: list[str], add: Any) -> None:
        self.seen, self._add = seen, add

    def add(self, key: str, value: int, timeout: float) -> Any:
        self.seen.append(key)
        return self._add(key, value, timeout=timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(cache, name)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "connected", "found"),
    [
        (False, "10.1.1.1", "10.0.0.1", "10.0.0.1"),
        (True, "10.1.1.1", "10.0.0.1", "10.1.1.1"),
        (True, "6.6.6.6, 10.1.1.1", "10.0.0.1", "10.1.1.1"),
        (True, "", "10.0.0.1", "10.0.0.1"),
        (True, "nonsense", "10.0.0.1", ""),
        (True, "203.0.113.9:4711", "10.0.0.1", "203.0.113.9"),
        (True, "[2001:db8:1:2::6]:4711", "10.0.0.1", "2001:db8:1::/48"),
        (False, "", "::ffff:203.0.113.9", "203.0.113.9"),
        (False, "", "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        (False, "", "", ""),
    ],
)
def test_the_address_is_the_one_nobody_can_make_up(
    settings: Settings, trusted: bool, forwarded: str, connected: str, found: str
) -> None:
    """What the trusted proxy added last, or the connection's; an IPv6 host has a whole network to choose from."""
    settings.TRUST_PROXY = trusted
    request = RequestFactory().get("/", REMOTE_ADDR=connected, HTTP_X_FORWARDED_FOR=forwarded)
    assert throttling.client_address(request) == found


def test_code_without_a_request_may_ask_too(account: str) -> None:
    """The account's own limit holds."""
    assert authenticate(username=account, password=PASSWORD) is not None
    assert authenticate(email=account, password="wrong") is None
    assert authenticate(username=account) is None


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with (
        granian("config.wsgi:application", DATABASE_URL=database_url()) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Connection": "close"}) as client,
    ):
        yield client


@pytest.mark.skipif(connection.vendor != "mysql", reason="the server needs a database of its own")
def test_a_new_connection_is_no_new_address_and_a_neighbour_is_one(browser: httpx.Client, account: str) -> None:
    """On the server that production runs: what it tells of a connection is an address, without the port."""
    browser.get("/admin/login/")
    form = {"username": account, "password": "wrong", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    statuses = [browser.post("/admin/login/", data=form).status_code for _ in range(11)]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses
    with httpx.Client(
        transport=httpx.HTTPTransport(local_address="127.0.0.2"), base_url=browser.base_url, cookies=browser.cookies
    ) as neighbour:
        assert neighbour.post("/admin/login/", data=form).status_code == 200
