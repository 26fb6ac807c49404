"""Signed, and no event: kept as dead, answered 200, so that the provider stops and staff can look."""

import hashlib
import json

import pytest

from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import ACCOUNT, event, send, status_of

pytestmark = pytest.mark.django_db


def changed(**changes: object) -> bytes:
    """An event with some members replaced; None takes one out."""
    document = json.loads(event("charge.succeeded", reference="r", charge="c", amount=1, currency="EUR")) | changes
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


GARBAGE = {
    "empty": b"",
    "blank": b"   ",
    "no JSON": b"hello",
    "half": b'{"id": "evt_1"',
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "NUL bytes": b"\x00\x00\x00",
    "UTF-16": '{"id": "evt_1"}'.encode("utf-16"),
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "empty object": b"{}",
    "deep": b"[" * 100_000,
    "deep and closed": b'{"id":' * 5_000 + b"1" + b"}" * 5_000,
    "large": b"x" * (1024 * 1024),
    "huge number": b'{"id": ' + b"9" * 5_000 + b"}",
    "NaN": b'{"id": NaN}',
    "no id": changed(id=None),
    "empty id": changed(id=""),
    "number as id": changed(id=1),
    "long id": changed(id="e" * 256),
    "surrogate in id": changed(id="\ud800"),
    "NUL in id": changed(id="evt_\x00"),
    "no type": changed(type=None),
    "empty type": changed(type=""),
    "long type": changed(type="t" * 101),
    "no account": changed(account=None),
    "long account": changed(account="a" * 101),
    "list as data": changed(data=[]),
    "long reference": changed(data={"reference": "r" * 201, "charge": "c", "amount": 1, "currency": "EUR"}),
    "long charge": changed(data={"reference": "r", "charge": "c" * 201, "amount": 1, "currency": "EUR"}),
    "form": b"id=evt_1&type=charge.succeeded",
    "markup": b"<xml/>",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_signed_garbage_is_dead_once_under_its_digest(name: str) -> None:
    """200 dead the first time, a duplicate ever after."""
    body = GARBAGE[name]
    assert status_of(send(body)) == "dead"
    row = ProviderEvent.objects.get()
    assert (row.status, row.outcome, row.available_at) == ("dead", "malformed", None)
    assert (row.provider, row.account, row.event_id) == ("simulated", ACCOUNT, hashlib.sha256(body).hexdigest())
    assert row.error.startswith("MalformedEvent")
    assert status_of(send(body)) == "duplicate"
    assert ProviderEvent.objects.count() == 1


def test_bytes_that_are_no_text_can_still_be_read_by_people() -> None:
    """Escaped, not dropped."""
    send(b"caf\xe9")
    assert ProviderEvent.objects.get().payload == "caf\\xe9"


def test_card_numbers_in_garbage_are_masked() -> None:
    """Also where there is no JSON to find them in."""
    send(b"card=4242424242424242")
    assert ProviderEvent.objects.get().payload == "card=************4242"


@pytest.mark.django_db
def test_a_half_surrogate_beside_a_card_number_is_kept_masked() -> None:
    """What masking writes again has to be text a database can hold."""
    body = event("customer.updated").replace(b'"data": {}', b'"data": {"a": "\\ud800", "b": "4242424242424242"}')
    assert b"4242" in body
    assert send(body).status_code == 200
    stored = ProviderEvent.objects.get().payload
    assert "\\ud800" in stored
    assert "42424242" not in stored
