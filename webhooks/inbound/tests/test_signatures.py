"""Only a live secret, within 300 s, gets anything stored."""

import json
import logging
import time
from typing import Any

import pytest
from django.test import Client

from payments.tests.factories import make_payment
from payments.tests.simulator import simulated_with
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import event, event_about, secret, send, signed, status_of

pytestmark = pytest.mark.django_db


def assert_refused(response: Any) -> None:
    """400 as a problem document, and nothing in the inbox."""
    assert response.status_code == 400, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["code"] == "bad_signature"
    assert ProviderEvent.objects.count() == 0


@pytest.mark.parametrize("age", [-3600, -302, 302, 3600, 10**9])
def test_a_timestamp_outside_300_seconds_is_400(age: int) -> None:
    """Too old and too far ahead alike, even rightly signed."""
    body = event()
    assert_refused(send(body, headers=signed(body, at=time.time() - age)))


@pytest.mark.parametrize("age", [-295, 0, 295])
def test_a_timestamp_within_300_seconds_is_taken(age: int) -> None:
    """Clocks differ a little."""
    body = event()
    assert status_of(send(body, headers=signed(body, at=time.time() - age))) == "ignored"


def test_an_old_timestamp_cannot_be_replaced_by_a_new_one() -> None:
    """The timestamp is signed too."""
    body = event()
    headers = signed(body, at=time.time() - 3600) | {"X-Webhook-Timestamp": str(int(time.time()))}
    assert_refused(send(body, headers=headers))


@pytest.mark.parametrize("name", ["X-Webhook-Timestamp", "X-Webhook-Signature"])
def test_a_missing_header_is_400(name: str) -> None:
    """Both are needed."""
    body = event()
    headers = signed(body)
    del headers[name]
    assert_refused(send(body, headers=headers))


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Webhook-Timestamp": ""},
        {"X-Webhook-Timestamp": "now"},
        {"X-Webhook-Timestamp": "-1"},
        {"X-Webhook-Timestamp": "1e9"},
        {"X-Webhook-Timestamp": "9" * 400},
        {"X-Webhook-Timestamp": "١٢٣"},
        {"X-Webhook-Signature": ""},
        {"X-Webhook-Signature": "sha256="},
        {"X-Webhook-Signature": "sha256=" + "0" * 64},
        {"X-Webhook-Signature": "sha1=" + "0" * 40},
        {"X-Webhook-Signature": "0" * 64},
        {"X-Webhook-Signature": "sha256=é" + "0" * 63},
        {"X-Webhook-Signature": "sha256=" + "0" * 5000},
    ],
)
def test_a_malformed_header_is_400(changes: dict[str, str]) -> None:
    """Never a 500."""
    body = event()
    assert_refused(send(body, headers=signed(body) | changes))


@pytest.mark.parametrize("key", ["", "another-secret"])
def test_another_secret_is_400(key: str) -> None:
    """Also none at all."""
    body = event()
    assert_refused(send(body, headers=signed(body, key=key)))


def test_every_flip_of_one_byte_is_400() -> None:
    """Nothing in the body may change."""
    body = event_about(make_payment())
    headers, client = signed(body), Client()
    for position in range(len(body)):
        flipped = bytearray(body)
        flipped[position] ^= 1
        response = send(bytes(flipped), headers=headers, client=client)
        assert response.status_code == 400, f"byte {position}"
    for changed in (body[:-1], body + b" ", b"", body.decode().upper().encode()):
        assert send(changed, headers=headers, client=client).status_code == 400
    assert ProviderEvent.objects.count() == 0
    assert status_of(send(body, headers=headers, client=client)) == "processed"


def test_what_is_not_signed_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Anybody can post anything: neither the body nor the signature reaches a log."""
    with caplog.at_level(logging.DEBUG):
        response = send(b"a very particular body", headers={"X-Webhook-Signature": "a-very-particular-signature"})
    assert_refused(response)
    assert "particular" not in caplog.text


def test_while_secrets_rotate_either_signs() -> None:
    """The one that was taken out of the list no longer does."""
    retired = secret()
    with simulated_with(webhook_secrets=["the-new-secret", "the-old-secret"]):
        assert secret() == "the-new-secret"
        for key in ("the-new-secret", "the-old-secret"):
            body = event()
            assert status_of(send(body, headers=signed(body, key=key))) == "ignored"
        body = event()
        assert send(body, headers=signed(body, key=retired)).status_code == 400
