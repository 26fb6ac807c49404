"""What happens to a subscription's invoices decides how it goes on. Called by the relay, in order, once per event."""

from billing.models import Subscription, SubscriptionInvoice
from billing.services import charging, locks, moving
from billing.states import SubscriptionStatus
from config.api.principals import system
from config.kernel import db
from invoices import services as invoices
from outbox.models import OutboxEvent
from payments import services as payments

ACTOR = system("billing.follow")


def follow_invoice(*, event: OutboxEvent) -> None:
    """Requires a transaction. Let the subscription that caused the invoice, if one did, go where that leads."""
    db.require_transaction()
    caused = SubscriptionInvoice.objects.filter(invoice=event.aggregate_id).select_related("subscription").first()
    if caused is None:
        return
    subscription = locks.lock_known(caused.subscription)
    if subscription.ended_at is not None:
        _follow_ended(subscription, invoice_id=event.aggregate_id)
    elif event.type in ("invoice.paid", "invoice.voided"):
        _follow_settled(subscription, event.type)
    else:
        _follow_declined(subscription)


def _follow_settled(subscription: Subscription, event_type: str) -> None:
    """Paid, it is active; once nobody owes its first invoice any more, it comes to nothing."""
    if subscription.status == SubscriptionStatus.ACTIVE or charging.owed(subscription) is not None:
        return
    if event_type == "invoice.voided" and subscription.status == SubscriptionStatus.PENDING:
        moving.expire(subscription, actor=ACTOR, reason="the first invoice was voided")
    else:
        moving.activate(subscription, actor=ACTOR, reason="nothing is owed any more")


def _follow_declined(subscription: Subscription) -> None:
    if subscription.status in (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE):
        moving.fall_due(subscription, actor=ACTOR, reason="a payment did not bring money")


def _follow_ended(subscription: Subscription, *, invoice_id: str) -> None:
    """A payment was still under way when it ended. Where nobody was to owe anything, what has paid it goes back."""
    if not subscription.voids_open_invoices:
        return
    reason = "the subscription was canceled before"
    charging.void_owed(subscription, actor=ACTOR, reason=reason)
    invoice = invoices.lock_invoice(invoice_id)
    if invoice.paid_at is not None and subscription.ended_at is not None and invoice.paid_at >= subscription.ended_at:
        payments.refund_whole(invoice=invoice, actor=ACTOR, reason=reason)
        if invoice.amount_credited:
            invoices.give_credit(
                customer=subscription.customer,
                amount=invoice.amount_credited,
                currency=invoice.currency,
                actor=ACTOR,
                reason=reason,
                invoice=invoice,
            )
