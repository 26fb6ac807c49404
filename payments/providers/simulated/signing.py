"""How the simulator signs its webhooks, and how the adapter checks them.

`X-Webhook-Timestamp: <unix seconds>` and `X-Webhook-Signature: sha256=<hex HMAC-SHA256 of "timestamp.body">`, keyed
with the secret's UTF-8 bytes.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

from payments.providers.base import BadSignature

TIMESTAMP_HEADER = "X-Webhook-Timestamp"
SIGNATURE_HEADER = "X-Webhook-Signature"
TOLERANCE_SECONDS = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")


def headers_for(*, body: bytes, secret: str, timestamp: int) -> dict[str, str]:
    """The two headers that go with `body` when it is sent at `timestamp`, Unix seconds."""
    return {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: signature_of(body, secret, str(timestamp))}


def signature_of(body: bytes, secret: str, timestamp: str) -> str:
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def verify(*, body: bytes, headers: Mapping[str, str], secrets: Iterable[str], now_timestamp: float) -> None:
    """Raise BadSignature unless one of `secrets` signed `body` within 300 s of `now_timestamp`, Unix seconds."""
    timestamp = _header(headers, TIMESTAMP_HEADER, _TIMESTAMP)
    signature = _header(headers, SIGNATURE_HEADER, _SIGNATURE)
    if not _any_signed(body, timestamp, signature, secrets):
        raise BadSignature("no live secret made this signature")
    if abs(now_timestamp - int(timestamp)) > TOLERANCE_SECONDS:
        raise BadSignature(f"the timestamp is more than {TOLERANCE_SECONDS} s away from now")


def _any_signed(body: bytes, timestamp: str, signature: str, secrets: Iterable[str]) -> bool:
    matches = False
    for secret in secrets:
        # No early exit: the time taken must not tell which secret matched.
        matches |= hmac.compare_digest(signature_of(body, secret, timestamp), signature)
    return matches


def _header(headers: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
    values = [value for key, value in headers.items() if key.lower() == name.lower()]
    if len(values) != 1:
        raise BadSignature(f"{name} must be sent once")
    if not shape.fullmatch(values[0]):
        raise BadSignature(f"{name} is malformed")
    return values[0]
