"""What a receiver checks: the headers of Standard Webhooks, and the older pair over the same body.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
"""Of the specification."""


class MalformedSecret(ValueError):
    """The text says what a secret looks like."""


def new_secret() -> str:
    """ "whsec_" and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def check_secret(secret: str) -> None:
    """Raises MalformedSecret for what no verifier takes."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        wanted = f"{MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes in base64"
        raise MalformedSecret(f"A secret is {PREFIX} and {wanted}.")


def headers(*, message_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Signed with each of `secrets`, newest first; `timestamp` is Unix seconds, wall time, of this try.

    The older pair is keyed with the whole text of the secret, "whsec_" included; several are parted by commas.
    """
    older = f"{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_standard(each, message_id, timestamp, body)}" for each in secrets),
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Signature": ",".join(
            f"sha256={hmac.digest(each.encode(), older, 'sha256').hex()}" for each in secrets
        ),
    }


def _standard(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")).decode()
