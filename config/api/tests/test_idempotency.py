"""The Idempotency-Key header, and finding what a key did."""

import dataclasses
import hashlib
from typing import Any, ClassVar, Self

import pytest
from django.db import IntegrityError, connection, models
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from config.api import idempotency, idempotency_header
from config.api.idempotency import Created, IdempotencyKey, IdempotencyKeyReused, IdempotentModel
from config.api.idempotency_header import IdempotencyKeyInvalid
from config.api.tests.test_problems import assert_problem

pytestmark = pytest.mark.urls("config.api.tests.urls")


def send(api: Client, key: str | None, body: dict[str, Any] | None = None, rule: str = "required") -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    return api.post(f"/api/v1/keyed/{rule}", body or {}, "application/json", headers=headers)


@pytest.mark.parametrize("key", ["k", "a b", "8e03978e-40d5-43e8-bc93-6894a57f9324", "~" * 255, "it's", 'in"side'])
def test_a_printable_key_is_taken(api: Client, key: str) -> None:
    """1 to 255 printable ASCII characters; only the digest goes on."""
    answer = send(api, key).json()
    assert answer["digest"] == hashlib.sha256(key.encode()).hexdigest()
    assert (answer["owner"], answer["operation"]) == ("merchant", "echo.create")


@pytest.mark.parametrize("key", ["", '""', '"open', 'a"b"c'[1:] + '"', "é", "a\tb", "~" * 256, '"a";v=1', '"a\\b"'])
def test_a_malformed_key_is_refused(api: Client, key: str) -> None:
    """400: guessing would make two requests one."""
    assert_problem(send(api, key), 400, "idempotency_key_invalid")
    assert_problem(send(api, key, rule="optional"), 400, "idempotency_key_invalid")


def test_a_missing_key_is_refused_where_one_is_required(api: Client) -> None:
    """400 that says what to send; elsewhere it is optional."""
    assert_problem(send(api, None), 400, "idempotency_key_missing")
    assert send(api, None, rule="optional").json() == {}


@given(key=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255))
def test_the_quoted_form_is_the_same_key(key: str) -> None:
    """Any key, quoted as a structured field string, reads back as itself."""
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert idempotency_header.parse(quoted) == key


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.text(max_size=300))
def test_no_header_makes_parsing_fail(header: str) -> None:
    """It is a key or a refusal."""
    try:
        key = idempotency_header.parse(header)
    except IdempotencyKeyInvalid:
        return
    assert 1 <= len(key) <= 255


def test_scar_equal_keys_merged_by_the_collation(api: Client) -> None:
    """`KeyA`, `keya` and `keya.` are different keys: digests know no case and no trailing blanks."""
    digests = {send(api, key).json()["digest"] for key in ("KeyA", "keya", '"keya "')}
    assert len(digests) == 3


def test_the_fingerprint_ignores_the_order_of_keys_and_nothing_else(api: Client) -> None:
    """Same members in another order, or with a trailing slash in the path: same input. Anything else is other input."""
    first = send(api, "k", {"a": 1, "b": {"c": [1, 2], "d": "é"}}).json()["fingerprint"]
    assert first.startswith("v1:")
    assert send(api, "other", {"b": {"d": "é", "c": [1, 2]}, "a": 1}).json()["fingerprint"] == first
    slashed = api.post(
        "/api/v1/keyed/required/",
        {"a": 1, "b": {"c": [1, 2], "d": "é"}},
        "application/json",
        headers={"idempotency-key": "k"},
    )
    assert slashed.json()["fingerprint"] == first
    others = [
        send(api, "k", body).json()["fingerprint"] for body in ({"a": 1}, {"a": "1", "b": {}}, {"a": 1, "b": None})
    ]
    others.append(send(api, "k", {"a": 1, "b": {"c": [1, 2], "d": "é"}}, rule="optional").json()["fingerprint"])
    assert len({first, *others}) == 5


def test_the_fingerprint_is_keyed(api: Client, settings: Any) -> None:
    """Whoever reads the database cannot guess bodies."""
    first = send(api, "k", {"a": 1}).json()["fingerprint"]
    settings.FINGERPRINT_KEY = "another"
    assert send(api, "k", {"a": 1}).json()["fingerprint"] != first


def test_the_fingerprint_tells_methods_and_paths_apart() -> None:
    """What is created by one operation is not what another would do with the same body."""
    make = APIRequestFactory()
    calls = [(make.post, "/a"), (make.put, "/a"), (make.post, "/b")]
    requests = [call(path, {"n": 1}, format="json") for call, path in calls]
    found = [idempotency_header.fingerprint(Request(request, parsers=[JSONParser()])) for request in requests]
    assert len(set(found)) == 3


class Thing(IdempotentModel):
    """A row that was created with a key, or without one."""

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta(IdempotentModel.Meta):
        app_label = "billing"


KEY = IdempotencyKey(owner="merchant", operation="things.create", digest="a" * 64, fingerprint="v1:" + "b" * 64)


@pytest.fixture
def _things(django_db_blocker: Any, transactional_db: None) -> Any:
    with connection.schema_editor() as editor:
        editor.create_model(Thing)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Thing)


@pytest.mark.usefixtures("_things")
def test_a_repeated_key_finds_its_row() -> None:
    """The same input finds the row, other owners and operations do not, other input is a conflict that names it."""
    assert idempotency.find_replay(Thing, KEY) is None
    thing = Thing.objects.create(**idempotency.key_fields(KEY))
    assert idempotency.find_replay(Thing, KEY) == Created(thing, False)
    assert idempotency.find_replay(Thing, dataclasses.replace(KEY, owner="customer:cus_1")) is None
    assert idempotency.find_replay(Thing, dataclasses.replace(KEY, operation="things.pay")) is None
    with pytest.raises(IdempotencyKeyReused) as reused:
        idempotency.find_replay(Thing, dataclasses.replace(KEY, fingerprint="v1:other"))
    assert reused.value.attributes == {"id": str(thing.pk)}
    assert str(thing.pk) in reused.value.detail


@pytest.mark.usefixtures("_things")
def test_one_key_has_one_row() -> None:
    """The database refuses a second row with one key; any number of rows may have none."""
    Thing.objects.create(**idempotency.key_fields(KEY))
    Thing.objects.create(**idempotency.key_fields(None))
    Thing.objects.create(**idempotency.key_fields(None))
    assert idempotency.find_replay(Thing, None) is None
    with pytest.raises(IntegrityError):
        Thing.objects.create(**idempotency.key_fields(KEY))


class Plain(serializers.Serializer[Thing]):
    """Shows nothing."""


def test_replays_say_so() -> None:
    """201 the first time, 200 with a header after."""
    first, second = (idempotency_header.answer(Created(Thing(), is_new), Plain) for is_new in (True, False))
    assert (first.status_code, second.status_code) == (201, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_the_constraint_is_named_after_the_model() -> None:
    """Several models of one app can have it."""
    (constraint,) = Thing._meta.constraints
    assert isinstance(constraint, models.UniqueConstraint)
    assert constraint.name == "billing_thing_idempotency_key"
