"""What triggers act on: our services, the provider simulator, and the log in which they wait for what follows."""

import dataclasses
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx
from django.conf import settings
from django.db.models import QuerySet

from config.api.idempotency import IdempotencyKey
from config.api.principals import Principal
from invoices import services as invoices
from outbox.models import OutboxEvent
from payments import services as payments

SIMULATED, MANUAL = "simulated", "manual"
POLL_SECONDS = 0.1
CONTROL_TIMEOUT_SECONDS = 10.0
NAME = "trigger_event"


class NotInTime(Exception):
    """What was waited for did not come, or the simulator did not answer; the text says what."""


@dataclasses.dataclass(frozen=True)
class World:
    """`amount` minor units of `currency` change hands. Waiting ends at `deadline` (monotonic); each look at the log is
    followed by `pause(seconds)`.
    """

    actor: Principal
    amount: int
    currency: str
    deadline: float
    pause: Callable[[float], None] = time.sleep

    def customer(self) -> str:
        """A new one's id."""
        return invoices.create_customer(actor=self.actor, name=NAME, email="", metadata={}, key=None).row.id

    def invoice(self) -> str:
        """A new one's id. Raises InvalidMoney."""
        lines = [invoices.Line(unit_amount=self.amount, description=NAME)]
        new = invoices.NewInvoice(lines=lines, currency=self.currency)
        return invoices.create_invoice(actor=self.actor, new=new, key=None).row.id

    def pay(self, invoice_id: str, token: str = "", *, provider: str = SIMULATED) -> str:
        """The id of a new payment, which a worker sends."""
        terms = payments.PaymentTerms(provider=provider, payment_method=token)
        key = self.key("invoices.pay")
        return payments.pay_invoice(actor=self.actor, invoice_id=invoice_id, terms=terms, key=key).row.id

    def attach(self, customer_id: str, token: str) -> str:
        """The id of the customer's new payment method. Raises ProviderUnavailable."""
        return payments.attach_payment_method(
            actor=self.actor, customer_id=customer_id, token=token, provider=SIMULATED, reason=NAME
        ).row.id

    def refund(self, payment_id: str) -> str:
        """The id of a new refund of all that was paid, which a worker sends."""
        key = self.key("payments.refund")
        return payments.request_refund(actor=self.actor, payment_id=payment_id, key=key, reason=NAME).row.id

    def until_recorded(self, aggregate_id: str, type: str) -> None:
        """Raises NotInTime."""
        self.until(events_of(aggregate_id, type).exists, waiting_for=type)

    def until_numbered(self, aggregate_id: str, type: str) -> OutboxEvent:
        """The first of that type, once it stands in the log. Raises NotInTime."""
        numbered = events_of(aggregate_id, type).filter(position__isnull=False).order_by("sequence")
        self.until(numbered.exists, waiting_for=type)
        return numbered[0]

    def until(self, true: Callable[[], bool], *, waiting_for: str) -> None:
        """Raises NotInTime."""
        while not true():
            if time.monotonic() > self.deadline:
                raise NotInTime(f"{waiting_for} did not come in time.")
            self.pause(POLL_SECONDS)

    def at_the_provider(self, path: str, **body: Any) -> None:
        """What its staff or a cardholder's bank would do: a POST to the simulator's control API. Raises NotInTime."""
        try:
            answer = httpx.post(simulator_url(path), json=body, timeout=CONTROL_TIMEOUT_SECONDS, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise NotInTime(f"The simulator did not do {path}: {error}") from error

    def key(self, operation: str) -> IdempotencyKey:
        """Of one wish, which nobody repeats."""
        digest = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
        return IdempotencyKey(owner=self.actor.owner, operation=operation, digest=digest, fingerprint=NAME)


def events_of(aggregate_id: str, type: str) -> QuerySet[OutboxEvent]:
    return OutboxEvent.objects.filter(aggregate_id=aggregate_id, type=type)


def simulator_url(path: str) -> str:
    """Of the control API."""
    return f"{settings.PROVIDERS[SIMULATED]['base_url'].rstrip('/')}/control/{path}"
