"""What clients ask for over the API, and what staff does: the moves of those who have no schedule."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, TypeVar

from config.api.principals import Principal
from config.kernel.errors import DomainError
from config.kernel.prepared import Select
from invoices.models import Customer, Invoice, InvoiceLine
from invoices.services import Line
from invoices.tests.factories import issue
from outbox import services as outbox
from outbox.models import HeldEvent
from payments import services
from payments.models import Payment, Receipt, Refund
from payments.providers.simulated.simulator.tokens import TOKENS
from payments.states import IN_FLIGHT, REFUND_LIVE, PaymentStatus
from tests.simulation.world import Request, World
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent

T = TypeVar("T")

STAFF = Principal(kind="staff", id="1")
CURRENCIES = ("EUR", "EUR", "USD", "JPY")
FEW = 3
"""Invoices, beside those of two orders: much is to happen to each of them."""
ODD = sorted(set(TOKENS) - {"tok_visa"})


CUSTOMERS = Select(Customer.objects.order_by("id"))
LINES = Select(InvoiceLine.objects.order_by("id"))
INVOICES = Select(Invoice.objects.order_by("id"))
PAYMENTS = Select(Payment.objects.order_by("id"))
REFUNDS = Select(Refund.objects.order_by("id"))
RECEIPTS = Select(Receipt.objects.order_by("id"))
EVENTS = Select(ProviderEvent.objects.order_by("id"))
GIVEN_UP = Select(HeldEvent.objects.held().exclude(given_up_at=None).order_by("id"))


def one(rng: random.Random, rows: Iterable[T]) -> T | None:
    """Any of them."""
    choice = list(rows)
    return rng.choice(choice) if choice else None


def issue_invoice(world: World, rng: random.Random) -> None:
    if len(INVOICES.all()) >= FEW:
        return
    amount = rng.randint(1, 50) * 100 + rng.randint(0, 1)
    what: dict[str, Any] = {"amount": amount}
    if rng.random() < 0.3:
        what = {"lines": [{"unit_amount": amount, "tax_amount": rng.randint(0, 500)}, {"unit_amount": 7}]}
    customer = one(rng, CUSTOMERS.all())
    if customer is not None and rng.random() < 0.7:
        what["customer"] = customer.id
    _ask_anew(world, rng, "invoices", what | {"currency": rng.choice(CURRENCIES)})


def give_credit(world: World, rng: random.Random) -> None:
    """To the one customer there is, or some of it is taken away again."""
    customer = one(rng, CUSTOMERS.all())
    if customer is None:
        _ask_anew(world, rng, "customers", {"name": "Ada"})
        return
    path = f"customers/{customer.id}/{'credits' if rng.random() < 0.8 else 'credits/revoke'}"
    _ask_anew(world, rng, path, {"amount": rng.randint(1, 3000), "currency": rng.choice(CURRENCIES)})


def take_back(world: World, rng: random.Random) -> None:
    """Billing takes a part of a line back, on an invoice of its own, as a change of plan does."""
    line = one(rng, (each for each in LINES.all() if each.invoice.customer and not each.reverses_id))
    if line is None or len(INVOICES.all()) >= 2 * FEW:
        return
    customer, currency, back = line.invoice.customer, line.invoice.currency, rng.randint(1, 3000)
    lines = [Line(unit_amount=rng.randint(0, 2000)), Line(unit_amount=-back, reverses=line.id)]
    assert customer is not None
    world.start(
        "take back", rng, lambda: issue(customer, *lines, currency=currency).amount_due, refusals=(DomainError,)
    )


def pay_order(world: World, rng: random.Random) -> None:
    order: dict[str, Any] = {"order_id": f"order-{rng.randint(1, 2)}", "amount": 1200, "currency": "EUR"}
    _ask_anew(world, rng, "payments", order | _means(rng))


def pay_invoice(world: World, rng: random.Random) -> None:
    invoice = one(rng, INVOICES.all())
    if invoice is not None:
        _ask_anew(world, rng, f"invoices/{invoice.id}/pay", _means(rng))


def _means(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.1:
        return {"provider": "manual"}
    return {"payment_method": "tok_visa" if rng.random() < 0.5 else rng.choice(ODD)}


def void(world: World, rng: random.Random) -> None:
    invoice = one(rng, INVOICES.all())
    if invoice is not None:
        world.ask(rng, Request(f"invoices/{invoice.id}/void", {}, ""))


def cancel(world: World, rng: random.Random) -> None:
    payment = one(rng, (each for each in PAYMENTS.all() if each.status != PaymentStatus.SUCCEEDED))
    if payment is not None:
        world.ask(rng, Request(f"payments/{payment.id}/cancel", {}, ""))


def refund(world: World, rng: random.Random) -> None:
    payment = one(rng, (each for each in PAYMENTS.all() if each.status == PaymentStatus.SUCCEEDED))
    if payment is not None:
        amount = {"amount": rng.randint(1, payment.amount)} if rng.random() < 0.7 else {}
        _ask_anew(world, rng, f"payments/{payment.id}/refund", amount)


def repeat(world: World, rng: random.Random) -> None:
    """A client that got no answer asks again; or one that did."""
    keyed = [request for request in world.requests if request.key]
    request = one(rng, [request for request in keyed if request.status is None] or keyed)
    if request is not None:
        world.ask(rng, request)


def _ask_anew(world: World, rng: random.Random, path: str, body: dict[str, Any]) -> None:
    request = Request(path, body, f"key-{rng.getrandbits(48):x}")
    world.requests.append(request)
    world.ask(rng, request)


def settle_by_hand(world: World, rng: random.Random) -> None:
    """The bank statement has, or has not, what a manual payment or refund was waiting for."""
    payment = one(rng, (each for each in PAYMENTS.all() if each.provider == "manual"))
    sent = one(rng, (each for each in REFUNDS.all() if each.provider == "manual"))
    if sent is not None and rng.random() < 0.5:
        world.ask(rng, Request(f"refunds/{sent.id}/{rng.choice(['confirm', 'fail'])}", {}, ""))
    elif payment is not None and rng.random() < 0.3:
        world.ask(rng, Request(f"payments/{payment.id}/fail", {"retryable": rng.random() < 0.5}, ""))
    elif payment is not None:
        reference = f"bank-{payment.id}-{rng.randint(1, 2)}"
        ended = world.ask(rng, Request(f"payments/{payment.id}/confirm", {"reference": reference}, ""))
        if ended.value and ended.value.status < 300:
            world.transfers.add(reference)


def resolve(world: World, rng: random.Random) -> None:
    """Staff decides what nobody else could."""
    payment = one(rng, (each for each in PAYMENTS.all() if each.status == PaymentStatus.REVIEW))
    if payment is not None:
        body = {"status": rng.choice(["succeeded", "failed"]), "disposition": rng.choice(["apply", "return", "keep"])}
        world.ask(rng, Request(f"payments/{payment.id}/resolve", body, ""))


def dispose(world: World, rng: random.Random) -> None:
    receipt = one(rng, (each for each in RECEIPTS.all() if each.amount_unapplied))
    if receipt is not None:
        body = {"disposition": rng.choice(["apply", "return", "split"])}
        world.ask(rng, Request(f"receipts/{receipt.id}/dispose", body, ""))


def ask_provider_now(world: World, rng: random.Random) -> None:
    """Staff does not want to wait for the schedule."""
    payment = one(rng, (each for each in PAYMENTS.all() if each.status in IN_FLIGHT))
    going = one(rng, (each for each in REFUNDS.all() if each.status in REFUND_LIVE))
    if going is not None and (payment is None or rng.random() < 0.5):
        world.start(
            "ask about a refund",
            rng,
            lambda: services.reconcile_refund_now(actor=STAFF, refund_id=going.id),
            refusals=(DomainError,),
        )
    elif payment is not None:
        world.start(
            "ask about a payment",
            rng,
            lambda: services.reconcile_now(actor=STAFF, payment_id=payment.id),
            refusals=(DomainError,),
        )


def replay_any(world: World, rng: random.Random) -> None:
    event = one(rng, EVENTS.all())
    if event is not None:
        replay(world, rng, event)


def replay(world: World, rng: random.Random, event: ProviderEvent) -> None:
    """Staff has it applied once more."""
    world.start(
        "replay",
        rng,
        lambda: inbound.replay(provider_event_id=event.id, actor=STAFF, reason="again").status_after,
        refusals=(DomainError,),
    )


def requeue(world: World, rng: random.Random) -> None:
    """Staff has the subscriber mended, and what it could not take is sent again."""
    world.far_end.poison.clear()
    held = one(rng, GIVEN_UP.all())
    if held is not None:
        world.start(
            "requeue",
            rng,
            lambda: outbox.requeue_held(held_id=held.id, actor=STAFF, reason="mended"),
            refusals=(DomainError,),
        )
