"""Plans and what becomes of subscriptions, in words."""

from django.utils.translation import gettext

from billing.models import AfterGrace, Cycle, PlanVersion, Subscription
from billing.states import SubscriptionStatus
from config.kernel import money


def price(version: PlanVersion) -> str:
    """ "10.00 EUR a month"."""
    said = {"amount": money.display(version.amount, version.currency), "cycle": Cycle(version.cycle).label}
    return gettext("%(amount)s a %(cycle)s") % said


def next_step(subscription: Subscription) -> str:
    """What happens by itself when it is due, as far as the row tells."""
    if subscription.ended_at is not None:
        return gettext("Nothing: it has ended.")
    if subscription.due_at is None:
        return gettext("Nothing, until somebody pays what it owes, or cancels it.")
    if subscription.status == SubscriptionStatus.PENDING:
        return gettext("It expires, unless its first invoice is paid before.")
    if subscription.status == SubscriptionStatus.PAST_DUE and subscription.due_at < subscription.period_ends_at:
        return _after_grace(subscription.plan_version)
    if subscription.cancels_at_period_end:
        return gettext("It is canceled: its period ends.")
    following = subscription.next_plan_version or subscription.plan_version
    said = {"period": subscription.period + 1, "plan": following.plan.name, "price": price(following)}
    if subscription.period == 0:
        return gettext("Its trial ends: period %(period)s begins, of %(plan)s for %(price)s.") % said
    return gettext("It renews: period %(period)s begins, of %(plan)s for %(price)s.") % said


def _after_grace(version: PlanVersion) -> str:
    if version.after_grace == AfterGrace.CANCEL:
        return gettext("It is canceled: the days of grace are over.")
    return gettext("It is suspended until somebody pays: the days of grace are over.")
