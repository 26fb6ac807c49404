"""Registering, signing in, and what neither tells."""

import json
import uuid
from typing import Any, ClassVar

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from billing.models import Mail, Session, User
from config.api.tests.test_problems import assert_problem
from config.settings import security
from invoices.models import Customer
from outbox.models import OutboxEvent
from tests.api import PASSWORD, SignedIn
from tests.concurrency.threads import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)


def post(path: str, body: Any = None, **headers: str) -> Any:
    return Client().post(f"/api/v1/auth/{path}", json.dumps(body or {}), "application/json", headers=headers)


def an_email() -> str:
    """Nobody's before, so that counts of earlier runs are not its own."""
    return f"{uuid.uuid4().hex}@example.com"


def register(email: str, /, **changes: Any) -> Any:
    names = {"first_name": "Ada", "last_name": "Lovelace"}
    return post("register", {"email": email, "password": PASSWORD, **names} | changes)


def log_in(email: str, password: str = PASSWORD) -> Any:
    return post("login", {"email": email, "password": password})


def test_registering_makes_a_user_a_customer_and_a_session() -> None:
    """In one transaction, recorded as the customer's own doing; the tokens work."""
    email = an_email()
    answer = register(f" {email.upper()} ")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    me = Client().get("/api/v1/auth/me", headers={"authorization": f"Bearer {body['access']}"}).json()
    assert me == body["user"]
    assert (me["email"], me["first_name"], me["last_name"]) == (email, "Ada", "Lovelace")
    customer = Customer.objects.get(pk=me["customer"])
    assert (customer.name, customer.email) == ("Ada Lovelace", email)
    event = OutboxEvent.objects.get()
    assert (event.type, event.actor, event.aggregate_id) == (
        "customer.created",
        f"customer:{customer.pk}",
        customer.pk,
    )
    assert Session.objects.get().user.pk == me["id"]
    assert User.objects.get().last_login is not None


WRONG = [
    ({"password": "short"}, "password", "password_too_short"),
    ({"password": "passwordpassword1", "first_name": "passwordpassword"}, "password", "password_too_similar"),
    ({"password": "1029384756"}, "password", "password_entirely_numeric"),
    ({"password": "qwertyuiop"}, "password", "password_too_common"),
    ({"password": ""}, "password", "blank"),
    ({"password": 1234567890}, "password", "not_text"),
    ({"password": "x" * 1001}, "password", "max_length"),
    ({"email": "nonsense"}, "email", "invalid"),
    ({"email": "a" * 250 + "@example.com"}, "email", "max_length"),
    ({"email": None}, "email", "null"),
    ({"first_name": "x" * 100}, "first_name", "max_length"),
    ({"is_staff": True}, "is_staff", "unknown_field"),
    ({"customer": "cus_01h455vb4pex5vsknk084sn02q"}, "customer", "unknown_field"),
]


@pytest.mark.parametrize(("changes", "field", "code"), WRONG)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, code: str) -> None:
    """422 with the field and a code, and nothing is stored."""
    answer = register(an_email(), **changes)
    assert (answer.status_code, Customer.objects.count(), User.objects.count()) == (422, 0, 0)
    assert (field, code) in {(error["field"], error["code"]) for error in answer.json()["errors"]}


@pytest.mark.parametrize("kind", ["customer", "staff", "deactivated"])
def test_a_known_address_is_refused_without_a_word_about_it(kind: str) -> None:
    """One answer whoever's it is; no account, customer or event is made, and its owner is told by mail."""
    email = an_email()
    User.objects.create_user(email, PASSWORD, is_staff=kind == "staff", is_active=kind != "deactivated")
    problem = assert_problem(register(email, password="some other words"), 422, "registration_refused")
    assert problem["errors"] == []
    assert email not in str(problem)
    assert (User.objects.count(), Customer.objects.count(), OutboxEvent.objects.count()) == (1, 0, 0)
    assert [(mail.kind, mail.recipient) for mail in Mail.objects.all()] == [("registration_attempted", email)]
    assert assert_problem(register(email, password="short"), 422, "weak_password")["errors"]


class Noting(MD5PasswordHasher):
    """Notes what it hashes."""

    seen: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        self.seen.append(password)
        return super().encode(password, salt)


def test_a_known_address_costs_what_a_new_one_does(settings: Settings) -> None:
    """What takes time, hashing the password and committing what was written, is done once for either."""
    register(known := an_email())
    settings.PASSWORD_HASHERS = [f"{__name__}.Noting"]
    for email in (known, an_email()):
        Noting.seen.clear()
        with CaptureQueriesContext(connection) as queries:
            register(email)
        assert Noting.seen == [PASSWORD]
        assert "INSERT" in [query["sql"].split()[0] for query in queries]


def test_one_address_registers_once_however_many_try_at_once() -> None:
    """The others are refused as if it had been there before."""
    email = an_email()
    statuses = all_at_once([lambda: register(email).status_code] * 4)
    assert sorted(statuses) == [201, 422, 422, 422]
    assert (User.objects.count(), Customer.objects.count(), OutboxEvent.objects.count()) == (1, 1, 1)


def test_a_password_opens_the_account_in_any_case_of_its_address() -> None:
    """With tokens of a new session; another password does not, and neither does no account."""
    ada = SignedIn()
    answer = log_in(ada.email.upper())
    assert (answer.status_code, answer.json()["user"]["customer"]) == (200, ada.customer_id)
    assert Session.objects.count() == 2
    refused = [log_in(ada.email, "wrong password"), log_in(an_email()), log_in(ada.email, PASSWORD + " ")]
    bodies = [assert_problem(each, 401, "wrong_credentials") | {"request_id": ""} for each in refused]
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize("changes", [{"is_staff": True}, {"is_active": False}])
def test_staff_and_the_deactivated_are_refused_like_a_wrong_password(changes: dict[str, bool]) -> None:
    """And counted like one, so that the limit tells nothing either."""
    email = an_email()
    User.objects.create_user(email, PASSWORD, **changes)
    statuses = [log_in(email).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert Session.objects.count() == 0


def test_a_bcrypt_hash_opens_the_account_and_is_made_anew(settings: Settings) -> None:
    """In Argon2id, with the first sign-in; a wrong password leaves it as it was."""
    settings.PASSWORD_HASHERS = security.PASSWORD_HASHERS
    ada = SignedIn()
    User.objects.update(password=make_password(PASSWORD, hasher="bcrypt_sha256"))
    assert log_in(ada.email, "wrong password").status_code == 401
    assert User.objects.get().password.startswith("bcrypt_sha256$")
    assert log_in(ada.email).status_code == 200
    assert User.objects.get().password.startswith("argon2$argon2id$")
    assert log_in(ada.email).status_code == 200
    assert ada.get("auth/me").status_code == 200


def test_the_sixth_wrong_password_is_not_looked_at() -> None:
    """429 with Retry-After, also for the right one."""
    ada = SignedIn()
    assert [log_in(ada.email, "wrong password").status_code for _ in range(5)] == [401] * 5
    answer = log_in(ada.email)
    assert_problem(answer, 429, "too_many_attempts")
    assert 0 < int(answer["Retry-After"]) <= 900


@pytest.mark.parametrize(
    ("what", "path", "body"),
    [
        ("register", "register", {"password": "short"}),
        ("reset", "password/reset", {}),
        ("confirm_reset", "password/reset/confirm", {"token": "x.y", "new_password": "short"}),
        ("refresh", "refresh", {}),
    ],
)
def test_everything_that_is_open_is_limited_by_account_and_by_address(
    settings: Settings, what: str, path: str, body: dict[str, str]
) -> None:
    """429 with Retry-After; many at once are no way around it."""
    settings.ACCOUNT_WINDOW_SECONDS = 10**9
    settings.ACCOUNT_LIMITS = {what: {"account": 2, "address": 10**6}}
    ada = SignedIn()
    fields = {"register": "email", "reset": "email", "refresh": "refresh"}
    account = {"refresh": ada.refresh}.get(what, an_email())
    whole = body | ({fields[what]: account} if what in fields else {"token": f"usr_{uuid.uuid4().hex}.y"})
    statuses = all_at_once([lambda: post(path, whole).status_code] * 5)
    assert statuses.count(429) == 3
    answer = post(path, whole)
    assert_problem(answer, 429, "too_many_requests")
    assert int(answer["Retry-After"]) > 0
    settings.ACCOUNT_LIMITS = {what: {"address": 0}}
    assert_problem(post(path, whole), 429, "too_many_requests")


def test_names_are_changed_for_the_customer_too() -> None:
    """With an event of theirs; nothing sent is nothing changed, and the address is not for changing."""
    ada = SignedIn()
    assert ada.request("PATCH", "auth/me", {"last_name": "King"}).json()["last_name"] == "King"
    assert Customer.objects.get().name == "Ada King"
    assert ada.request("PATCH", "auth/me", {}).status_code == 200
    assert ada.request("PATCH", "auth/me", {"email": "x@example.com"}).status_code == 422
    assert [(event.type, event.actor) for event in OutboxEvent.objects.order_by("sequence")] == [
        ("customer.created", f"customer:{ada.customer_id}"),
        ("customer.updated", f"customer:{ada.customer_id}"),
    ]
