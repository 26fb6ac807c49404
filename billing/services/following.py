"""What happens to a subscription's invoices decides how it goes on. Called by the relay, in order, once per event."""

from collections.abc import Sequence

from billing.models import Subscription, SubscriptionInvoice
from billing.services import charging, locks, moving, reversals
from billing.states import SubscriptionStatus
from config.api.principals import system
from config.kernel import clock, db
from invoices import services as invoices
from outbox.models import OutboxEvent

ACTOR = system("billing.follow")


def of_subscriptions(*, events: Sequence[OutboxEvent]) -> list[OutboxEvent]:
    """Those about invoices that a subscription has caused: that is committed with the invoice, so it is seen."""
    caused = SubscriptionInvoice.objects.filter(invoice__in={event.aggregate_id for event in events})
    known = set(caused.values_list("invoice_id", flat=True))
    return [event for event in events if event.aggregate_id in known]


def follow_invoice(*, event: OutboxEvent) -> None:
    """Requires a transaction. Let the subscription that caused the invoice, if one did, go where that leads."""
    db.require_transaction()
    caused = SubscriptionInvoice.objects.filter(invoice=event.aggregate_id).select_related("subscription").first()
    if caused is None:
        return
    subscription = locks.lock_known(caused.subscription)
    if subscription.ended_at is not None:
        _follow_ended(subscription, event)
    elif event.type in ("invoice.paid", "invoice.voided"):
        _follow_settled(subscription, event.type)
    else:
        _follow_declined(subscription)


def _follow_settled(subscription: Subscription, event_type: str) -> None:
    """Paid, it is active; once nobody owes its first invoice any more, it comes to nothing.

    Where nobody owes what an unpaid one was suspended for, no period begins for it: nobody has paid.
    """
    if subscription.status == SubscriptionStatus.ACTIVE or charging.overdue(subscription):
        return
    is_voided = event_type == "invoice.voided"
    if is_voided and subscription.status == SubscriptionStatus.PENDING:
        moving.expire(subscription, actor=ACTOR, reason="the first invoice was voided")
    elif not (is_voided and _is_over(subscription)):
        moving.activate(subscription, actor=ACTOR, reason="nothing is owed any more")


def _is_over(subscription: Subscription) -> bool:
    """Whether to go on would be a period that nobody has asked for."""
    return subscription.status == SubscriptionStatus.UNPAID and subscription.period_ends_at <= clock.now()


def _follow_declined(subscription: Subscription) -> None:
    if subscription.status in (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE):
        moving.fall_due(subscription, actor=ACTOR, reason="a payment did not bring money")


def _follow_ended(subscription: Subscription, event: OutboxEvent) -> None:
    """A payment was still under way when it ended. Where nobody was to owe anything, what has paid goes back.

    An invoice stays owed where one that was paid before takes back a line of it: what pays that stays.
    """
    if not subscription.voids_open_invoices:
        return
    reason = "the subscription was canceled before"
    charging.void_owed(subscription, actor=ACTOR, reason=reason)
    invoice = invoices.lock_invoice(event.aggregate_id)
    caused = SubscriptionInvoice.objects.get(invoice=invoice)
    is_paid_too_late = event.type == "invoice.paid" and caused.was_unsettled_at_end
    if is_paid_too_late and not reversals.is_taken_back_for_good(invoice):
        charging.give_back(subscription, invoice, actor=ACTOR, reason=reason)
