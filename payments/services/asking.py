"""What makes calling a provider about a payment or refund safe: the right account, a key it remembers, no exception."""

import datetime
import logging
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

from config.kernel import clock
from payments.models import Payment, Refund
from payments.providers import registry
from payments.providers.base import Provider, Unknown

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)

WINDOW_MARGIN_SECONDS = 3600
"""How long before the provider forgets our key we stop sending it: clocks differ and calls take time."""


def ask(call: Callable[[], Answer]) -> Answer | Unknown:
    """Run a provider call. A bug in an adapter is a lost answer, never a failure: the money may have moved."""
    try:
        return call()
    except Exception as error:
        logger.exception("provider adapter raised")
        return Unknown(f"adapter raised {type(error).__name__}")


def account_changed(row: Payment | Refund) -> Unknown:
    """Nobody can be asked about a payment or refund of an account that is no longer configured."""
    return Unknown(f"{row.provider} is no longer configured for the account {row.provider_account}")


def may_send(row: Payment | Refund, provider: Provider) -> bool:
    """Whether `provider` surely still knows the key under which `row` was sent first; wall time."""
    if not provider.settles_itself:
        return True
    if row.submitted_at is None:
        return False
    age = clock.wall() - row.submitted_at
    return age < datetime.timedelta(seconds=provider.idempotency_window_seconds - WINDOW_MARGIN_SECONDS)


def lease_end(row: Payment | Refund) -> datetime.datetime | None:
    """When the sweep holds this submission for lost; never for providers that cannot be asked."""
    if not registry.get(row.provider).settles_itself:
        return None
    return clock.now() + datetime.timedelta(seconds=settings.SUBMIT_LEASE_SECONDS)
