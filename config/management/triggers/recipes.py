"""What makes each type of event happen. A recipe returns the id of the aggregate in whose log the event will stand.

Its docstring is what `trigger_event --list` says of it.
"""

import secrets
from collections.abc import Callable

from config.management.triggers import customers, subscriptions
from config.management.triggers.credit import use_credit
from config.management.triggers.world import MANUAL, NAME, World
from invoices import services as invoices
from outbox.services import catalogue
from payments import services as payments
from payments.models import Dispute, Receipt, Refund
from payments.services import Disposition
from webhooks.outbound import services as webhooks

Recipe = Callable[[World], str]

NOBODY_HEARS_HERE = "https://example.com/trigger_event"


def issue(world: World) -> str:
    """An invoice is issued."""
    return world.invoice()


def void(world: World) -> str:
    """A new invoice is voided."""
    invoice = world.invoice()
    invoices.void_invoice(actor=world.actor, invoice_id=invoice, reason=NAME)
    return invoice


def pay(world: World) -> str:
    """A new invoice is paid with tok_visa."""
    return _paid_with(world, "tok_visa")


def decline(world: World) -> str:
    """A payment with tok_declined_stolen is declined for good."""
    return _paid_with(world, "tok_declined_stolen")


def decline_for_now(world: World) -> str:
    """A payment with tok_declined_insufficient_funds is declined, and tried again by itself."""
    return _paid_with(world, "tok_declined_insufficient_funds")


def lose_the_answer(world: World) -> str:
    """The simulator breaks down over tok_5xx; the payment succeeds once it is asked again."""
    return _paid_with(world, "tok_5xx")


def capture_another_amount(world: World) -> str:
    """A payment with tok_wrong_amount captures another amount, which waits for staff."""
    return _paid_with(world, "tok_wrong_amount")


def cancel(world: World) -> str:
    """A payment that is pending at the provider (tok_pending) is canceled."""
    invoice, payment = _pending(world)
    payments.cancel_payment(actor=world.actor, payment_id=payment, reason=NAME)
    return invoice


def ask_about_payment(world: World) -> str:
    """The provider is asked about a pending payment (tok_pending), which is canceled then."""
    invoice, payment = _pending(world)
    payments.reconcile_now(actor=world.actor, payment_id=payment, reason=NAME)
    payments.cancel_payment(actor=world.actor, payment_id=payment, reason=NAME)
    return invoice


def stop_retrying(world: World) -> str:
    """Money that waited is applied to an invoice that was to be tried again: a part of it is paid."""
    invoice, payment = _in_review(world)
    payments.resolve_payment(actor=world.actor, payment_id=payment, status="failed", reason=NAME)
    world.pay(invoice, "tok_declined_insufficient_funds")
    world.until_recorded(invoice, "payment.retry_scheduled")
    waiting = Receipt.objects.get(payment=payment)
    payments.dispose_receipt(actor=world.actor, receipt_id=waiting.id, disposition=Disposition.APPLY, reason=NAME)
    return invoice


def give_back(world: World) -> str:
    """Staff has a capture of another amount (tok_wrong_amount) given back."""
    invoice, payment = _in_review(world)
    payments.resolve_payment(
        actor=world.actor, payment_id=payment, status="failed", disposition=Disposition.RETURN, reason=NAME
    )
    return invoice


def fail_to_give_back(world: World) -> str:
    """A bank transfer comes too late for a void invoice, and cannot be given back."""
    invoice = world.invoice()
    payment = world.pay(invoice, provider=MANUAL)
    payments.cancel_payment(actor=world.actor, payment_id=payment, reason=NAME)
    invoices.void_invoice(actor=world.actor, invoice_id=invoice, reason=NAME)
    reference = f"{NAME}-{secrets.token_hex(8)}"
    payments.confirm_payment(actor=world.actor, payment_id=payment, reference=reference, reason=NAME)
    refund = Refund.objects.get(payment=payment)
    payments.fail_refund(actor=world.actor, refund_id=refund.id, failure_code="not_received", reason=NAME)
    return invoice


def refund(world: World) -> str:
    """A payment with tok_visa is refunded whole."""
    return _refunded(world, "tok_visa")[0]


def refund_in_vain(world: World) -> str:
    """The refund of a payment with tok_refund_fails fails."""
    return _refunded(world, "tok_refund_fails")[0]


def have_a_refund_return(world: World) -> str:
    """A refund succeeds, and its money comes back after all."""
    invoice, refunded = _refunded(world, "tok_visa")
    world.until_recorded(invoice, "refund.succeeded")
    _settle_refund(world, refunded, "failed")
    return invoice


def ask_about_refund(world: World) -> str:
    """The provider is asked about a pending refund (tok_refund_pending), which succeeds then."""
    invoice, pending = _refunded(world, "tok_refund_pending")
    named = Refund.objects.filter(id=pending).exclude(provider_reference=None)
    world.until(named.exists, waiting_for="the provider's name for the refund")
    payments.reconcile_refund_now(actor=world.actor, refund_id=pending, reason=NAME)
    _settle_refund(world, pending, "succeeded")
    return invoice


def dispute(world: World) -> str:
    """A payment with tok_disputed is disputed."""
    return _paid_with(world, "tok_disputed")


def win_dispute(world: World) -> str:
    """A dispute (tok_disputed) is won."""
    return _closed_dispute(world, "won")


def lose_dispute(world: World) -> str:
    """A dispute (tok_disputed) is lost."""
    return _closed_dispute(world, "lost")


def change_endpoint(world: World) -> str:
    """A webhook endpoint is made, changed, and deleted."""
    endpoint = _endpoint(world)
    webhooks.update_endpoint(actor=world.actor, endpoint_id=endpoint, changes={"description": f"{NAME} updated"})
    webhooks.rotate_secret(actor=world.actor, endpoint_id=endpoint, overlap_seconds=0, reason=NAME)
    return _deleted(world, endpoint)


def pause_endpoint(world: World) -> str:
    """A webhook endpoint is made, paused, resumed, and deleted."""
    endpoint = _endpoint(world)
    webhooks.pause(actor=world.actor, endpoint_id=endpoint, reason=NAME)
    webhooks.resume(actor=world.actor, endpoint_id=endpoint, reason=NAME)
    return _deleted(world, endpoint)


def disable_endpoint(world: World) -> str:
    """A webhook endpoint is made, disabled, enabled, and deleted."""
    endpoint = _endpoint(world)
    webhooks.disable(actor=world.actor, endpoint_id=endpoint, reason=NAME)
    webhooks.enable(actor=world.actor, endpoint_id=endpoint, reason=NAME)
    return _deleted(world, endpoint)


CAUSES: dict[Recipe, list[str]] = {
    customers.create_customer: ["customer.created"],
    customers.update_customer: ["customer.updated"],
    customers.attach: ["payment_method.attached", "payment_method.default_changed"],
    customers.detach: ["payment_method.detached"],
    use_credit: ["credit.granted", "credit.applied", "credit.returned", "credit.revoked"],
    **subscriptions.CAUSES,
    issue: ["invoice.created"],
    void: ["invoice.voided"],
    pay: [
        "invoice.paid",
        "invoice.processing",
        "payment.processing",
        "payment.requested",
        "payment.submitted",
        "payment.succeeded",
        "receipt.applied",
        "receipt.created",
    ],
    decline: ["invoice.failed", "payment.failed"],
    decline_for_now: ["payment.retry_scheduled"],
    lose_the_answer: ["payment.unknown"],
    capture_another_amount: ["payment.review_required"],
    cancel: ["invoice.reopened", "payment.cancel_requested", "payment.canceled"],
    ask_about_payment: ["payment.reconcile_requested"],
    stop_retrying: ["payment.retry_stopped"],
    give_back: ["receipt.refunded", "receipt.refunding"],
    fail_to_give_back: ["receipt.refund_failed"],
    refund: ["payment.refunded", "refund.created", "refund.processing", "refund.succeeded"],
    refund_in_vain: ["refund.failed"],
    have_a_refund_return: ["refund.returned"],
    ask_about_refund: ["refund.reconcile_requested"],
    dispute: ["dispute.opened"],
    win_dispute: ["dispute.won"],
    lose_dispute: ["dispute.lost"],
    change_endpoint: [
        "webhook_endpoint.created",
        "webhook_endpoint.deleted",
        "webhook_endpoint.secret_rotated",
        "webhook_endpoint.updated",
    ],
    pause_endpoint: ["webhook_endpoint.paused", "webhook_endpoint.resumed"],
    disable_endpoint: ["webhook_endpoint.disabled", "webhook_endpoint.enabled"],
}
RECIPES = {type: recipe for recipe, types in CAUSES.items() for type in types}
IMPOSSIBLE = {
    "dispute.reinstated": "a provider takes back that a dispute was lost, which the simulator never does",
    "payment_method.expiring": "30 days before a card expires: attach one, and advance the test clock",
    "subscription.expired": "a trial ends, or a first invoice is not paid for a day: advance the test clock",
    "subscription.renewed": "a period ends: advance the test clock, or see manage.py demo_year",
    "subscription.unpaid": "the days of grace are over: advance the test clock",
    "refund.unknown": "an answer of the provider is lost, which happens by chance: see the simulator's dials",
}
"""Why nothing makes them happen on demand."""


def unexplained() -> set[str]:
    """Types that neither of the two knows."""
    return set(catalogue.events()) - RECIPES.keys() - IMPOSSIBLE.keys()


def _paid_with(world: World, token: str) -> str:
    invoice = world.invoice()
    world.pay(invoice, token)
    return invoice


def _pending(world: World) -> tuple[str, str]:
    """An invoice, and its payment that the provider knows and nobody has decided."""
    invoice = world.invoice()
    payment = world.pay(invoice, "tok_pending")
    world.until_recorded(invoice, "payment.submitted")
    return invoice, payment


def _in_review(world: World) -> tuple[str, str]:
    """An invoice, and its payment that has captured another amount."""
    invoice = world.invoice()
    payment = world.pay(invoice, "tok_wrong_amount")
    world.until_recorded(invoice, "payment.review_required")
    return invoice, payment


def _refunded(world: World, token: str) -> tuple[str, str]:
    """An invoice that was paid, and the refund that was asked for."""
    invoice = world.invoice()
    payment = world.pay(invoice, token)
    world.until_recorded(invoice, "invoice.paid")
    return invoice, world.refund(payment)


def _settle_refund(world: World, refund_id: str, outcome: str) -> None:
    reference = Refund.objects.get(id=refund_id).provider_reference
    world.at_the_provider(f"refunds/{reference}/settle", outcome=outcome)


def _closed_dispute(world: World, outcome: str) -> str:
    invoice = _paid_with(world, "tok_disputed")
    world.until_recorded(invoice, "dispute.opened")
    reference = Dispute.objects.get(invoice=invoice).provider_reference
    world.at_the_provider(f"disputes/{reference}/close", outcome=outcome)
    return invoice


def _endpoint(world: World) -> str:
    """One that hears of nothing but the end of others, in the moments before its own."""
    return webhooks.create_endpoint(
        actor=world.actor,
        url=NOBODY_HEARS_HERE,
        listens_to=["webhook_endpoint.deleted"],
        description=NAME,
        key=None,
    ).row.id


def _deleted(world: World, endpoint_id: str) -> str:
    return webhooks.delete(actor=world.actor, endpoint_id=endpoint_id, reason=NAME).id
