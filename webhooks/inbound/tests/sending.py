"""Webhooks as the simulated provider sends them: built, signed, posted."""

import itertools
import json
import time
from typing import Any

from django.conf import settings
from django.test import Client

from payments.models import Payment
from payments.providers.simulated import signing

ACCOUNT = "acct_simulated"
URL = "/webhooks/payment-provider"
_counter = itertools.count(1)


def secret() -> str:
    """The provider's current secret."""
    current: str = settings.PROVIDERS["simulated"]["webhook_secrets"][0]
    return current


def event_about(payment: Payment, type: str = "charge.succeeded", **changes: Any) -> bytes:
    """The body of an event about a payment."""
    values: dict[str, Any] = {
        "reference": payment.id,
        "charge": f"ch_{payment.id}",
        "amount": payment.amount,
        "currency": payment.currency,
    }
    return event(type, **values | changes)


def event(type: str = "customer.updated", *, id: str | None = None, account: str = ACCOUNT, **data: Any) -> bytes:
    """The body of any event; `data` fills its `data`."""
    return json.dumps(
        {
            "id": f"evt_{next(_counter)}" if id is None else id,
            "type": type,
            "created_at": "2026-11-20T12:00:00.000000Z",
            "account": account,
            "data": data,
        }
    ).encode()


def signed(body: bytes, *, at: float | None = None, key: str | None = None) -> dict[str, str]:
    """The headers that go with `body`."""
    timestamp = int(time.time() if at is None else at)
    return signing.headers_for(body=body, secret=secret() if key is None else key, timestamp=timestamp)


def send(
    body: bytes,
    *,
    url: str = URL,
    headers: dict[str, str] | None = None,
    content_type: str = "application/json",
    client: Client | None = None,
) -> Any:
    """Post `body`, signed now unless `headers` are given."""
    headers = signed(body) if headers is None else headers
    return (client or Client()).post(url, data=body, content_type=content_type, headers=headers)


def status_of(response: Any) -> str:
    """What a 200 says became of the event."""
    assert response.status_code == 200, response.content
    status: str = json.loads(response.content)["status"]
    return status


def answer_to(body: bytes) -> str:
    """What the sender of `body` is told became of the event."""
    return status_of(send(body))
