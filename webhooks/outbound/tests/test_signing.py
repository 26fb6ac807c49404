"""What receivers check, by the package that the standard's authors publish, and by hand."""

import hashlib
import hmac
import json
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from webhooks.outbound.services import signing

BODY = json.dumps({"type": "invoice.paid", "data": {"name": "Zoë"}}, ensure_ascii=False).encode()


def signed(*secrets: str, at: int | None = None) -> dict[str, str]:
    return signing.headers(message_id="evt_1", timestamp=at or int(time.time()), body=BODY, secrets=secrets)


def test_standardwebhooks_accepts_it_and_nothing_that_was_changed() -> None:
    """Body, id, time and secret each count."""
    secret = signing.new_secret()
    headers = signed(secret)
    assert Webhook(secret).verify(BODY, headers)["type"] == "invoice.paid"
    earlier = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}
    tampered: list[tuple[str, bytes, dict[str, str]]] = [
        (secret, BODY + b" ", headers),
        (secret, BODY, headers | {"webhook-id": "evt_2"}),
        (secret, BODY, earlier),
        (signing.new_secret(), BODY, headers),
        (secret, BODY, signed(secret, at=int(time.time()) - 600)),
    ]
    for key, body, sent in tampered:
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(body, sent)


def test_while_two_secrets_are_valid_either_is_accepted() -> None:
    """By the standard's headers and by the older pair."""
    new, old = signing.new_secret(), signing.new_secret()
    headers = signed(new, old)
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, headers)
        assert by_hand(secret, headers)
    assert not by_hand(signing.new_secret(), headers)


def by_hand(secret: str, headers: dict[str, str]) -> bool:
    """The recipe of docs/webhooks.md."""
    message = headers["X-Webhook-Timestamp"].encode() + b"." + BODY
    expected = "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(expected, each) for each in headers["X-Webhook-Signature"].split(","))


def test_secrets_are_long_and_never_the_same() -> None:
    """256 bits each."""
    made = {signing.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(each.startswith("whsec_") and len(each) > 48 for each in made)
