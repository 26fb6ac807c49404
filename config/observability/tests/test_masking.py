"""What no log line may hold."""

import json

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from config.observability import masking

KEY = "qt_test_" + "a2b3" * 13


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        (f"key {KEY} is unknown", "a2b3a2b3"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8G"),
        ("simsec_0123456789abcdef", "0123456789abcdef"),
        ("sk_live_51H8abcdefgh and rk_test_51H8abcdefgh", "51H8abcdefgh"),
        ("Authorization: Bearer abc.def-123456", "abc.def"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz', 'Accept': '*/*'}", "dXNlcjpwYXNz"),
        ('{"authorization": "Bearer s3cr3t-t0k3n"}', "s3cr3t-t0k3n"),
        ("('HTTP_AUTHORIZATION', 'Bearer s3cr3t-t0k3n')", "s3cr3t-t0k3n"),
        ("sent bearer s3cr3t-t0k3n", "s3cr3t-t0k3n"),
        ("Cookie: sessionid=abc123; csrftoken=def456", "abc123"),
        ("Set-Cookie: sessionid=abc123; Path=/", "abc123"),
        ("sessionid=abc123", "abc123"),
        ("session_id: abc123", "abc123"),
        ("csrftoken=def456", "def456"),
        ("mysql://shop:hunter2hunter2@db:3306/x", "hunter2"),
        ("redis://:hunter2@cache:6379/0", "hunter2"),
        ("password=hunter2", "hunter2"),
        ("{'admin_password': 'hunter2 with blanks'}", "hunter2"),
        (json.dumps({"password": "hunter2"}), "hunter2"),
        (json.dumps(json.dumps({"password": "hunter2"})), "hunter2"),
        ("GET /x?token=abc123&a=1", "abc123"),
        ("api_key=abc123def", "abc123def"),
        ('"api_key": "abc123def"', "abc123def"),
        ("X-Api-Key: abc123def", "abc123def"),
        ("X-Webhook-Signature: sha256=" + "ab" * 32, "abab"),
        ("signed sha256=" + "AB" * 32, "ABAB"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWIi"),
        ("card 4242 4242 4242 4242 declined", "4242 4242 4242 4242"),
        ("card 4242-4242-4242-4242", "4242-4242-4242"),
        ("4242424242424242", "424242424242"),
    ],
)
def test_a_secret_is_hidden_and_the_cheap_check_does_not_overlook_it(text: str, gone: str) -> None:
    """By its shape or by the name before it."""
    assert gone in text
    assert gone not in masking.mask_text(text)
    assert not masking.is_clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "request",
        "payment pay_01h455vb4pex5vsknk084sn02q could not be taken up and is put off",
        "api_key:key_01h455vb4pex5vsknk084sn02q",
        "/api/v1/invoices/inv_01h455vb4pex5vsknk084sn02q/pay",
        "2026-11-21T09:22:01.123456Z",
        "550e8400-e29b-41d4-a716-446655440000",
        "transaction rolled back, running it again (attempt 2): (1213, 'Deadlock found')",
        "tok_visa",
    ],
)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    """Ids, actors, paths, times, errors."""
    assert masking.is_clean(text)
    assert masking.mask_text(text) == text


def test_the_secrets_of_this_deployment_are_hidden_wherever_they_stand() -> None:
    """Whatever they look like."""
    webhook_secret = settings.PROVIDERS["simulated"]["webhook_secrets"][0]
    for secret in (settings.SECRET_KEY, settings.FINGERPRINT_KEY, webhook_secret):
        text = f"it is x{secret}x"
        assert not masking.is_clean(text)
        assert secret not in masking.mask_text(text)


@given(st.text())
def test_what_is_clean_is_left_alone(text: str) -> None:
    """The cheap check and the masking agree about every text."""
    if masking.is_clean(text):
        assert masking.mask_text(text) == text


WORDS = st.sampled_from(
    [
        "Authorization",
        "cookie",
        "password",
        "SECRET",
        "token",
        "api_key",
        "api-key",
        "signature",
        "session_id",
        "csrf",
        "Bearer",
        "basic",
        "sha256",
        "://",
        ":",
        "=",
        " ",
        "\t",
        "'",
        '"',
        "\\",
        "qt_test_",
        "whsec_",
        "@",
        "a2b3c4d5e6",
        "4242424242424242",
        "\n",
        ",",
        "eyJ",
        ".",
        "s3cr3t-t0k3n",
        "sk_live_",
    ]
)


@given(st.lists(WORDS, max_size=12).map("".join))
def test_what_looks_like_a_secret_is_never_taken_for_clean(text: str) -> None:
    """Every text that masking changes is one that the cheap check notices."""
    if masking.mask_text(text) != text:
        assert not masking.is_clean(text)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text", ["password" * 2000, "a" * 20_000, "api_key" * 3000, "://" + ":" * 20_000, "sha256=" * 3000]
)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    """No pattern goes back over what it has seen; the test's timeout is the measure."""
    masking.mask_text(text)
