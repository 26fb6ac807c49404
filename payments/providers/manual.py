"""Bank transfers and cash: a person or a service confirms or fails the payment, nothing is asked of anybody."""

import datetime
from collections.abc import Iterator, Mapping

from payments.providers.base import (
    BadSignature,
    Canceled,
    ChargeRequest,
    ListedTransaction,
    MalformedEvent,
    NotFound,
    Outcome,
    Pending,
    ProviderEvent,
    RefundRequest,
)


class ManualProvider:
    """Every charge and refund waits for a confirmation; there are no tokens, no webhooks and no books."""

    idempotency_window_seconds = 0
    settles_itself = False
    failure_codes = frozenset({"not_received"})

    def __init__(self, *, name: str, account: str) -> None:
        self.name = name
        self.account = account

    def charge(self, request: ChargeRequest) -> Outcome:
        return Pending()

    def refund(self, request: RefundRequest) -> Outcome:
        return Pending()

    def cancel(self, *, payment_id: str, provider_reference: str) -> Outcome:
        return Canceled(reference=provider_reference)

    def retrieve(self, *, payment_id: str, provider_reference: str) -> Outcome:
        return Pending(reference=provider_reference)

    def retrieve_refund(self, *, refund_id: str, provider_reference: str) -> Outcome:
        return Pending(reference=provider_reference)

    def inspect_method(self, token: str) -> NotFound:
        return NotFound()

    def list(self, *, since: datetime.datetime, until: datetime.datetime) -> Iterator[ListedTransaction]:
        return iter(())

    def verify_webhook(self, *, body: bytes, headers: Mapping[str, str], now: datetime.datetime) -> None:
        raise BadSignature("manual payments have no webhooks")

    def parse_event(self, body: bytes) -> ProviderEvent:
        raise MalformedEvent("manual payments have no webhooks")
