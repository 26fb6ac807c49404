"""The end of a subscription, whoever brings it about. A step under its lock."""

from billing.models import Subscription
from billing.services import charging, metering, moving
from billing.states import SubscriptionStatus
from config.api.principals import Principal
from config.kernel import clock


def end_now(subscription: Subscription, *, actor: Principal, reason: str, credit_unused: bool = False) -> None:
    """Requires its lock. It ends. What was used above its limits is billed, unless nobody is to owe anything.

    What has paid one that never began goes back.
    """
    lines = metering.close_all(subscription)
    if subscription.voids_open_invoices:
        charging.void_owed(subscription, actor=actor, reason="the subscription was canceled")
        lines = []
    if credit_unused and charging.unsettled(subscription) is None:
        lines += charging.unused(subscription, now=clock.now())
    if lines:
        invoice = charging.bill(subscription, lines=lines, period=None, actor=actor)
        charging.charge(subscription, invoice, actor=actor, reason="the last invoice")
    if subscription.status == SubscriptionStatus.PENDING:
        charging.give_back_paid(subscription, actor=actor, reason="the subscription was canceled before it began")
    moving.cancel(subscription, actor=actor, reason=reason)
