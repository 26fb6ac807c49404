"""The adapter for the simulated provider.

Every call ends in an outcome. Only what the provider says in so many words is a decline or a success; whatever is lost,
late, malformed, about somebody else or from a broken provider is Unknown, even a refused connection.
"""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from payments.providers.base import (
    ChargeRequest,
    ListedTransaction,
    ListingInterrupted,
    MalformedEvent,
    MethodDetails,
    NotFound,
    Outcome,
    ProviderEvent,
    RefundRequest,
    Unknown,
)
from payments.providers.simulated import signing, wire
from payments.providers.simulated.client import NoUsableAnswer, ProviderClient, Reply
from payments.providers.simulated.declines import DECLINES, UNSPECIFIED
from payments.providers.simulated.strict_json import NotStrictJson, parse

PAGE_SIZE = 100
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,200}")


class SimulatedProvider:
    """Speaks HTTP to `manage.py provider_simulator`; safe to share between threads and over forks."""

    idempotency_window_seconds = 86_400
    settles_itself = True
    failure_codes = frozenset({UNSPECIFIED, *DECLINES})

    def __init__(
        self,
        *,
        name: str,
        account: str,
        base_url: str,
        timeout_seconds: float,
        webhook_secrets: Sequence[str],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`timeout_seconds` bounds a whole call. Every one of `webhook_secrets` is accepted. Raises ValueError."""
        if not webhook_secrets or not all(webhook_secrets):
            raise ValueError("webhook_secrets must hold at least one secret, and none that is empty")
        self.name = name
        self.account = account
        self._secrets = tuple(webhook_secrets)
        self._client = ProviderClient(base_url=base_url, timeout_seconds=timeout_seconds, transport=transport)

    def close(self) -> None:
        """Give the connections back; the next call opens new ones."""
        self._client.close()

    def charge(self, request: ChargeRequest) -> Outcome:
        body = {
            "amount": request.amount,
            "currency": request.currency,
            "payment_method": request.payment_method,
            "reference": request.payment_id,
        }
        outcome = self._made("/v1/charges", body, our_reference=request.payment_id)
        # A charge is not looked up but made: that it "is missing" makes no sense.
        return Unknown("the charge was answered with not found") if isinstance(outcome, NotFound) else outcome

    def refund(self, request: RefundRequest) -> Outcome:
        body = {
            "charge": request.provider_reference,
            "amount": request.amount,
            "currency": request.currency,
            "reference": request.refund_id,
        }
        return self._made("/v1/refunds", body, our_reference=request.refund_id)

    def cancel(self, *, payment_id: str, provider_reference: str) -> Outcome:
        """Of a charge that has ended already, how it ended."""
        try:
            reference = provider_reference or self._look_up("/v1/charges", payment_id)
            if reference is None:
                return NotFound()
            reply = self._client.post(f"/v1/charges/{_in_path(reference)}/cancel", {})
            if _code_of(reply) == "charge_not_cancelable":
                return self.retrieve(payment_id=payment_id, provider_reference=reference)
            return self._read(reply, our_reference=payment_id)
        except (NoUsableAnswer, wire.Odd) as problem:
            return Unknown(str(problem))

    def retrieve(self, *, payment_id: str, provider_reference: str) -> Outcome:
        return self._retrieve("/v1/charges", our_reference=payment_id, provider_reference=provider_reference)

    def retrieve_refund(self, *, refund_id: str, provider_reference: str) -> Outcome:
        return self._retrieve("/v1/refunds", our_reference=refund_id, provider_reference=provider_reference)

    def inspect_method(self, token: str) -> MethodDetails | NotFound | Unknown:
        if not _REFERENCE.fullmatch(token):
            return NotFound()
        try:
            reply = self._client.get(f"/v1/payment_methods/{token}")
            if reply.status == 404 and _code_of(reply) == "resource_missing":
                return NotFound()
            if reply.status != 200:
                raise wire.Odd(f"HTTP {reply.status} {_code_of(reply)}".strip())
            return wire.method_of(reply.body, token=token, account=self.account)
        except (NoUsableAnswer, wire.Odd) as problem:
            return Unknown(str(problem))

    def list(self, *, since: datetime.datetime, until: datetime.datetime) -> Iterator[ListedTransaction]:
        cursor = "0"
        while cursor:
            lines, cursor = self._page(since, until, cursor)
            yield from lines

    def verify_webhook(self, *, body: bytes, headers: Mapping[str, str], now: datetime.datetime) -> None:
        signing.verify(body=body, headers=headers, secrets=self._secrets, now_timestamp=now.timestamp())

    def parse_event(self, body: bytes) -> ProviderEvent:
        try:
            return wire.event_of(parse(body))
        except (NotStrictJson, wire.Odd) as problem:
            raise MalformedEvent(str(problem)) from problem

    def _retrieve(self, path: str, *, our_reference: str, provider_reference: str) -> Outcome:
        try:
            reference = provider_reference or self._look_up(path, our_reference)
            if reference is None:
                return NotFound()
            reply = self._client.get(f"{path}/{_in_path(reference)}")
            return self._read(reply, our_reference=our_reference, asked_for=provider_reference)
        except (NoUsableAnswer, wire.Odd) as problem:
            return Unknown(str(problem))

    def _look_up(self, path: str, our_reference: str) -> str | None:
        """The provider's reference of the one object that carries ours, None when it knows of none."""
        reply = self._client.get(path, reference=our_reference)
        found = reply.body.get("data")
        if reply.status != 200 or not isinstance(found, list) or reply.body.get("has_more") is not False:
            raise wire.Odd(f"HTTP {reply.status}: not the list that was asked for")
        if len(found) > 1:
            raise wire.Odd(f"the provider has {len(found)} objects with our reference")
        if not found:
            return None
        if not isinstance(found[0], dict):
            raise wire.Odd("the list holds something else than objects")
        return wire.identifier(found[0], "id", 200)

    def _made(self, path: str, body: dict[str, Any], *, our_reference: str) -> Outcome:
        """Ask for a charge or refund under our reference as the key."""
        try:
            reply = self._client.post(path, body, key=our_reference)
            refused = reply.status == 400 and _error_of(reply).get("type") == "invalid_request_error"
            if refused and (code := _code_of(reply)):
                return wire.declined(code, message=_text(_error_of(reply).get("message")))
            return self._read(reply, our_reference=our_reference)
        except (NoUsableAnswer, wire.Odd) as problem:
            return Unknown(str(problem))

    def _read(self, reply: Reply, *, our_reference: str, asked_for: str = "") -> Outcome:
        if reply.status == 200:
            return wire.outcome_of(reply.body, our_reference=our_reference, account=self.account, asked_for=asked_for)
        code = _code_of(reply)
        if reply.status == 404 and code == "resource_missing":
            return NotFound()
        if reply.status == 402 and code:
            return self._declined(_error_of(reply), our_reference)
        return Unknown(f"HTTP {reply.status} {code}".strip())

    def _declined(self, error: dict[str, Any], our_reference: str) -> Outcome:
        charge = error.get("charge")
        if not isinstance(charge, dict):
            raise wire.Odd("a decline without its charge")
        if charge.get("status") != "failed":
            raise wire.Odd("a decline of a charge that has not failed")
        wire.outcome_of(charge, our_reference=our_reference, account=self.account)
        code = wire.identifier(error, "code", 100)
        return wire.declined(code, reference=wire.identifier(charge, "id", 200), message=_text(error.get("message")))

    def _page(
        self, since: datetime.datetime, until: datetime.datetime, cursor: str
    ) -> tuple["list_[ListedTransaction]", str]:
        try:
            reply = self._client.get(
                "/v1/transactions",
                since=f"{since.timestamp():.6f}",
                until=f"{until.timestamp():.6f}",
                cursor=cursor,
                limit=str(PAGE_SIZE),
            )
            return _lines_in(reply, cursor)
        except (NoUsableAnswer, wire.Odd) as problem:
            raise ListingInterrupted(str(problem)) from problem


list_ = list
"""The built-in, which the provider's own `list` hides inside the class."""


def _lines_in(reply: Reply, cursor: str) -> tuple[list[ListedTransaction], str]:
    data, has_more = reply.body.get("data"), reply.body.get("has_more")
    if reply.status != 200 or not isinstance(data, list) or not isinstance(has_more, bool):
        raise wire.Odd(f"HTTP {reply.status}: not the list that was asked for")
    following = wire.identifier(reply.body, "next_cursor", 20) if has_more else ""
    if following and not (following.isdigit() and int(following) > int(cursor)):
        raise wire.Odd("the list runs in circles")
    return [wire.transaction_of(line) for line in data], following


def _in_path(reference: str) -> str:
    if not _REFERENCE.fullmatch(reference):
        raise wire.Odd("the reference is not one of this provider's")
    return reference


def _error_of(reply: Reply) -> dict[str, Any]:
    error = reply.body.get("error")
    return error if isinstance(error, dict) else {}


def _code_of(reply: Reply) -> str:
    return wire.optional_identifier(_error_of(reply), "code", 100)


def _text(value: object) -> str:
    return value[:500] if isinstance(value, str) else ""
