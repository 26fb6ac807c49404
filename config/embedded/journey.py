"""One invoice paid over HTTP, its webhook sent twice and another one late: what `make run` shows, and tests play."""

import dataclasses
import datetime
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from django.conf import settings

from payments.providers.simulated import signing

SETTLE_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.2


class JourneyFailed(Exception):
    """The payment did not go as it should; the message says where."""


@dataclasses.dataclass(frozen=True)
class Journey:
    """`invoice` as GET /api/v1/invoices/{id} shows it at the end; `webhooks` are (what was sent, status answered)."""

    invoice: dict[str, Any]
    webhooks: list[tuple[str, str]]


class Player:
    """A back end with an API key, and a provider that repeats itself. `pause(seconds)` is called between looks."""

    def __init__(
        self, *, base_url: str, api_key: str, webhook_secret: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = httpx.Client(
            base_url=base_url, timeout=10, trust_env=False, headers={"Authorization": f"Bearer {api_key}"}
        )
        self._webhook_secret = webhook_secret
        self._pause = pause

    def close(self) -> None:
        self._client.close()

    def play(self) -> Journey:
        """Invoice, payment, paid; then the provider's news again and out of order. Raises JourneyFailed."""
        invoice = self.create_invoice(amount=12_50, currency="EUR", description="First payment")
        payment = self.pay(invoice["id"], payment_method="tok_visa")
        paid = self.wait_until_paid(invoice["id"])
        webhooks = self._repeat_webhooks(paid["payments"][0])
        end = self.invoice(invoice["id"])
        if end["status"] != "paid" or [each["id"] for each in end["payments"]] != [payment["id"]]:
            raise JourneyFailed(f"Invoice {end['id']} changed after it was paid: {end['status']}.")
        return Journey(end, webhooks)

    def create_invoice(self, **fields: Any) -> dict[str, Any]:
        return self._send("POST", "/api/v1/invoices", json=fields)

    def pay(self, invoice_id: str, *, payment_method: str, key: str = "") -> dict[str, Any]:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        body = {"payment_method": payment_method}
        return self._send("POST", f"/api/v1/invoices/{invoice_id}/pay", json=body, headers=headers)

    def invoice(self, invoice_id: str) -> dict[str, Any]:
        return self._send("GET", f"/api/v1/invoices/{invoice_id}")

    def wait_until_paid(self, invoice_id: str, *, timeout_seconds: float = SETTLE_TIMEOUT_SECONDS) -> dict[str, Any]:
        """The invoice once it is paid and the provider's name for the charge is known."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            invoice = self.invoice(invoice_id)
            if invoice["status"] == "paid" and invoice["payments"][0]["provider_reference"]:
                return invoice
            if time.monotonic() > deadline:
                raise JourneyFailed(f"Invoice {invoice_id} is {invoice['status']} after {timeout_seconds:g} s.")
            self._pause(POLL_SECONDS)

    def send_webhook(self, *, id: str, type: str, created_at: datetime.datetime, payment: dict[str, Any]) -> str:
        """Send a signed event about `payment` as the simulated provider would; return the status answered."""
        event = {
            "id": id,
            "type": type,
            "created_at": created_at.isoformat(),
            "account": settings.PROVIDERS["simulated"]["account"],
            "data": {
                "charge": payment["provider_reference"],
                "reference": payment["id"],
                "amount": payment["amount"],
                "currency": payment["currency"],
            },
        }
        body = json.dumps(event).encode()
        headers = signing.headers_for(body=body, secret=self._webhook_secret, timestamp=int(time.time()))
        headers["Content-Type"] = "application/json"
        return str(self._send("POST", "/webhooks/payment-provider", content=body, headers=headers)["status"])

    def _repeat_webhooks(self, payment: dict[str, Any]) -> list[tuple[str, str]]:
        now = datetime.datetime.now(datetime.UTC)
        succeeded, pending = f"evt_again_{uuid.uuid4().hex}", f"evt_late_{uuid.uuid4().hex}"
        return [
            ("charge.succeeded, told again", self._tell(succeeded, "charge.succeeded", now, payment)),
            ("the same event, sent twice", self._tell(succeeded, "charge.succeeded", now, payment)),
            ("charge.pending, a minute late", self._tell(pending, "charge.pending", _minute_before(now), payment)),
        ]

    def _tell(self, id: str, type: str, created_at: datetime.datetime, payment: dict[str, Any]) -> str:
        return self.send_webhook(id=id, type=type, created_at=created_at, payment=payment)

    def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise JourneyFailed(f"{method} {path} got no answer: {error!r}") from error
        if not response.is_success:
            raise JourneyFailed(f"{method} {path} answered {response.status_code}: {response.text[:500]}")
        answer: dict[str, Any] = response.json()
        return answer


def _minute_before(instant: datetime.datetime) -> datetime.datetime:
    return instant - datetime.timedelta(minutes=1)


def timeline(journey: Journey) -> list[str]:
    """What happened, oldest first, one line each; the last line is the invoice and its status."""
    invoice = journey.invoice
    lines = [
        f"{event['occurred_at'][11:23]:<12}  {event['type']:<22} {event['actor']}"
        for event in reversed(invoice["events"])
    ]
    lines += [f"{'webhook':<12}  {sent:<30} → {status}" for sent, status in journey.webhooks]
    lines += [
        f"{'payment':<12}  {payment['id']}  {payment['amount']} {payment['currency']}  {payment['status']}"
        for payment in reversed(invoice["payments"])
    ]
    return [
        *lines,
        f"{'invoice':<12}  {invoice['id']}  {invoice['amount_paid']} {invoice['currency']}  {invoice['status']}",
    ]
