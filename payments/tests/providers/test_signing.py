"""Signatures: what is accepted, and that nothing else is."""

import datetime
from collections.abc import Iterator

import pytest

from payments.providers.base import BadSignature
from payments.providers.simulated import signing
from payments.providers.simulated.adapter import SimulatedProvider
from payments.tests.providers.conftest import SECRET, provider_at

BODY = b'{"id": "evt_1"}'
SENT_AT = 1_800_000_000
NOW = datetime.datetime.fromtimestamp(SENT_AT, tz=datetime.UTC)
HEADERS = signing.headers_for(body=BODY, secret=SECRET, timestamp=SENT_AT)
TIMESTAMP, SIGNATURE = HEADERS[signing.TIMESTAMP_HEADER], HEADERS[signing.SIGNATURE_HEADER]


@pytest.fixture
def adapter() -> SimulatedProvider:
    return provider_at("http://127.0.0.1:9")


def test_a_known_signature_is_made() -> None:
    """The digest is the one openssl makes of "timestamp.body"."""
    made = signing.signature_of(b"{}", "secret", "1700000000")
    assert made == "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"


@pytest.mark.parametrize("secret", [SECRET, "an-older-secret"])
def test_every_live_secret_is_accepted(adapter: SimulatedProvider, secret: str) -> None:
    """While secrets rotate, both count."""
    headers = signing.headers_for(body=BODY, secret=secret, timestamp=SENT_AT)
    adapter.verify_webhook(body=BODY, headers=headers, now=NOW)


def test_header_names_count_in_any_case(adapter: SimulatedProvider) -> None:
    """HTTP header names have no case."""
    adapter.verify_webhook(body=BODY, headers={name.upper(): value for name, value in HEADERS.items()}, now=NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_timestamp_at_the_edge_is_accepted(adapter: SimulatedProvider, seconds: int) -> None:
    """300 s in either direction are allowed."""
    adapter.verify_webhook(body=BODY, headers=HEADERS, now=NOW + datetime.timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_a_timestamp_past_the_edge_is_refused(adapter: SimulatedProvider, seconds: int) -> None:
    """A replayed or post-dated webhook is refused although its signature is right."""
    with pytest.raises(BadSignature, match="away from now"):
        adapter.verify_webhook(body=BODY, headers=HEADERS, now=NOW + datetime.timedelta(seconds=seconds))


def _flips(text: str) -> Iterator[str]:
    for position in range(len(text)):
        for bit in range(8):
            yield text[:position] + chr(ord(text[position]) ^ 1 << bit) + text[position + 1 :]


def test_every_flipped_bit_of_the_body_is_refused(adapter: SimulatedProvider) -> None:
    """No bit of the body may change on its way."""
    for body in _flips(BODY.decode()):
        with pytest.raises(BadSignature):
            adapter.verify_webhook(body=body.encode("latin-1"), headers=HEADERS, now=NOW)


def test_every_flipped_bit_of_the_timestamp_is_refused(adapter: SimulatedProvider) -> None:
    """No bit of the timestamp may change on its way."""
    for timestamp in _flips(TIMESTAMP):
        with pytest.raises(BadSignature):
            adapter.verify_webhook(body=BODY, headers=HEADERS | {signing.TIMESTAMP_HEADER: timestamp}, now=NOW)


def test_every_flipped_bit_of_the_signature_is_refused(adapter: SimulatedProvider) -> None:
    """No bit of the signature may change on its way, the case of its letters included."""
    for signature in _flips(SIGNATURE):
        with pytest.raises(BadSignature):
            adapter.verify_webhook(body=BODY, headers=HEADERS | {signing.SIGNATURE_HEADER: signature}, now=NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {signing.TIMESTAMP_HEADER: TIMESTAMP},
        {signing.SIGNATURE_HEADER: SIGNATURE},
        HEADERS | {"x-webhook-signature": SIGNATURE},
        HEADERS | {"x-webhook-timestamp": TIMESTAMP},
        HEADERS | {signing.SIGNATURE_HEADER: f"{SIGNATURE}, {SIGNATURE}"},
        HEADERS | {signing.SIGNATURE_HEADER: f"{SIGNATURE}\n"},
        HEADERS | {signing.SIGNATURE_HEADER: SIGNATURE.removeprefix("sha256=")},
        HEADERS | {signing.SIGNATURE_HEADER: SIGNATURE.replace("sha256", "sha1")},
        HEADERS | {signing.SIGNATURE_HEADER: "sha256="},
        HEADERS | {signing.SIGNATURE_HEADER: "sha256=" + "é" * 64},
        HEADERS | {signing.TIMESTAMP_HEADER: f" {TIMESTAMP}"},
        HEADERS | {signing.TIMESTAMP_HEADER: f"{TIMESTAMP}.0"},
        HEADERS | {signing.TIMESTAMP_HEADER: f"+{TIMESTAMP}"},
        HEADERS | {signing.TIMESTAMP_HEADER: TIMESTAMP.translate({48 + n: 0x660 + n for n in range(10)})},
        HEADERS | {signing.TIMESTAMP_HEADER: "9" * 5000},
        HEADERS | {signing.TIMESTAMP_HEADER: ""},
    ],
)
def test_headers_of_another_shape_are_refused(adapter: SimulatedProvider, headers: dict[str, str]) -> None:
    """Missing, repeated and malformed headers are a bad signature, never an error of ours."""
    with pytest.raises(BadSignature):
        adapter.verify_webhook(body=BODY, headers=headers, now=NOW)


def test_a_secret_that_was_retired_is_refused(adapter: SimulatedProvider) -> None:
    """Only the configured secrets count."""
    headers = signing.headers_for(body=BODY, secret="retired", timestamp=SENT_AT)
    with pytest.raises(BadSignature, match="no live secret"):
        adapter.verify_webhook(body=BODY, headers=headers, now=NOW)


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""]])
def test_an_empty_secret_cannot_be_configured(secrets: list[str]) -> None:
    """Anybody could sign with an empty secret."""
    with pytest.raises(ValueError, match="webhook_secrets"):
        SimulatedProvider(
            name="simulated", account="a", base_url="http://localhost", timeout_seconds=1, webhook_secrets=secrets
        )
