"""What the provider sends. Needs Django set up."""

import json
import time

from django.conf import settings

from config.kernel import clock
from payments.models import Payment
from payments.providers.simulated import signing

EVENT_ID = "evt_of_the_original"
"""Stands in every body until it is replaced: two events must not have one id."""


def charge_succeeded(payment: Payment) -> str:
    """The provider's event about all the money of `payment`."""
    data = {
        "charge": payment.provider_reference,
        "reference": payment.id,
        "amount": payment.amount,
        "currency": payment.currency,
    }
    event = {
        "id": EVENT_ID,
        "type": "charge.succeeded",
        "created_at": clock.now().isoformat(),
        "account": payment.provider_account,
        "data": data,
    }
    return json.dumps(event)


def signed(body: bytes) -> dict[str, str]:
    """The headers that go with `body` now."""
    secret = settings.PROVIDERS["simulated"]["webhook_secrets"][0]
    return signing.headers_for(body=body, secret=secret, timestamp=int(time.time()))
