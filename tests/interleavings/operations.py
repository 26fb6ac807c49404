"""What can happen to an invoice's money, each as one call that says how it went."""

from collections.abc import Callable
from typing import Any

from config.api.principals import system
from config.kernel.errors import Conflict
from invoices import services as invoices
from invoices.models import Customer
from invoices.tests.factories import issue
from payments import services
from payments.tests.factories import make_key
from tests.interleavings.worlds import REFUND, World, take
from webhooks.inbound import services as inbound
from webhooks.inbound.tests.sending import signed

ACTOR = system("test")
CREDIT: dict[str, Any] = {"amount": 300, "currency": "EUR", "reason": "a test"}
TERMS = services.PaymentTerms(provider="simulated", payment_method="tok_visa")


def _pay(world: World) -> object:
    created = services.pay_invoice(actor=ACTOR, invoice_id=world.invoice_id, terms=TERMS, key=make_key())
    return created.is_new


def _cancel(world: World) -> object:
    services.cancel_payment(actor=ACTOR, payment_id=world.payment_id)
    return "ok"


def _refund(world: World) -> object:
    key = make_key(operation="payments.refund")
    return services.request_refund(actor=ACTOR, payment_id=world.payment_id, key=key, amount=REFUND).is_new


def _receive(body: bytes) -> str:
    return inbound.receive(path="payment-provider", body=body, headers=signed(body)).status


def _webhook(world: World) -> object:
    """The news, or else what the provider wants to say by now."""
    body = world.news or take(world.core)
    return _receive(body) if body else "nothing to say"


def _webhook_elsewhere(world: World) -> object:
    assert world.rumour is not None
    return _receive(world.rumour)


def _retry(world: World) -> object:
    """How many payments it has made is what they say: what somebody holds it leaves to the next sweep."""
    services.retry_due()
    return "ok"


def _void(world: World) -> object:
    invoices.void_invoice(actor=ACTOR, invoice_id=world.invoice_id)
    return "ok"


def _grant(world: World) -> object:
    change = CREDIT | {"customer_id": world.customer_id}
    return invoices.grant_credit(actor=ACTOR, key=None, **change).row.balance


def _revoke(world: World) -> object:
    change = CREDIT | {"customer_id": world.customer_id}
    return invoices.revoke_credit(actor=ACTOR, key=None, **change).row.balance


def _issue(world: World) -> object:
    """As billing does it: what it could apply is what it answers."""
    return issue(Customer.objects.get(id=world.customer_id), invoices.Line(unit_amount=500)).amount_credited


OPERATIONS: dict[str, Callable[[World], object]] = {
    "pay": _pay,
    "submit": lambda world: services.submit(payment_id=world.payment_id),
    "cancel": _cancel,
    "refund": _refund,
    "submit refund": lambda world: services.submit_refund(refund_id=world.refund_id),
    "webhook": _webhook,
    "webhook elsewhere": _webhook_elsewhere,
    "reconcile": lambda world: services.reconcile(payment_id=world.payment_id),
    "reconcile refund": lambda world: services.reconcile_refund(refund_id=world.refund_id),
    "retry": _retry,
    "void": _void,
    "grant": _grant,
    "revoke": _revoke,
    "issue": _issue,
}


def told(name: str, world: World) -> str:
    """What the caller of the operation is told: its answer, or the name of the conflict. Any other error is raised."""
    try:
        return str(OPERATIONS[name](world))
    except Conflict as refusal:
        return type(refusal).__name__
