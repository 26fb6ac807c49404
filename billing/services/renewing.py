"""What happens to subscriptions by itself once its time has come: periods, the ends of trials and of days of grace.

Each step is a transaction of its own under the subscription's lock, and makes at most one period; what was missed is
made up for by coming back until nothing is due.
"""

import datetime
import time

from django.conf import settings

from billing import events
from billing.models import Subscription
from billing.services import canceling, charging, locks, metering, moving
from billing.states import SubscriptionStatus
from config.api.principals import Principal, system
from config.kernel import clock, correlation, db
from invoices.models import Invoice
from invoices.services import Line
from payments.services.sweeping import take_up_each

ACTOR = system("billing.renew")


def renew_due(*, budget_seconds: float = settings.RENEWAL_TASK_SECONDS) -> int:
    """Take up each subscription whose time has come until none is due, and return how many steps that took.

    Stops after `budget_seconds` of real time; what only others have locked is left to them.
    """
    deadline = time.monotonic() + budget_seconds
    steps = 0
    while (left := deadline - time.monotonic()) > 0:
        taken = _take_up_batch(budget_seconds=left)
        if not taken:
            break
        steps += taken
    return steps


def _take_up_batch(*, budget_seconds: float) -> int:
    due = Subscription.objects.due(clock.now()).values_list("id", flat=True)[: settings.RENEWAL_BATCH]
    taken: list[bool] = []
    take_up_each(
        list(due),
        take_up=lambda subscription_id: taken.append(take_step(subscription_id)),
        put_off=_put_off,
        budget_seconds=budget_seconds,
    )
    return sum(taken)


@db.transaction(idempotent=True)
def take_step(subscription_id: str) -> bool:
    """Do what is due for one subscription, at most one thing; False when somebody else has locked it."""
    subscription = locks.try_lock(subscription_id)
    if subscription is None:
        return False
    now = clock.now()
    if subscription.due_at is not None and subscription.due_at <= now:
        with correlation.bind(correlation.accept_or_new(None), subscription_id=subscription.id):
            _advance(subscription, now)
    return True


def _advance(subscription: Subscription, now: datetime.datetime) -> None:
    if subscription.status == SubscriptionStatus.PENDING:
        _expire_unpaid(subscription)
    elif subscription.status == SubscriptionStatus.PAST_DUE and moving.grace_ends_at(subscription) <= now:
        _end_grace(subscription)
    elif subscription.cancels_at_period_end:
        canceling.end_now(subscription, actor=ACTOR, reason=subscription.cancel_reason)
    elif subscription.period == 0:
        _end_trial(subscription)
    else:
        _renew(subscription)


def _expire_unpaid(subscription: Subscription) -> None:
    """Its first invoice was not paid in time, and nobody owes it any more; unless a payment is just under way."""
    if charging.owed(subscription) is None:
        _wait(subscription)
        return
    charging.void_owed(subscription, actor=ACTOR, reason="the subscription has expired")
    moving.expire(subscription, actor=ACTOR, reason="the first invoice was not paid in time")


def _end_grace(subscription: Subscription) -> None:
    if charging.owed(subscription) is None:
        _wait(subscription)
    else:
        moving.end_grace(subscription, actor=ACTOR)


def _end_trial(subscription: Subscription) -> None:
    """It becomes a paid one as soon as its first invoice is paid, or ends where there is nothing to pay with."""
    coming = subscription.next_plan_version or subscription.plan_version
    if coming.amount and charging.terms_of(subscription) is None:
        metering.close_period(subscription)
        moving.expire(subscription, actor=ACTOR, reason="the trial has ended with nothing to pay with")
        return
    invoice = convert(subscription, actor=ACTOR)
    charging.charge(subscription, invoice, actor=ACTOR, reason="the trial has ended")


def convert(subscription: Subscription, *, actor: Principal) -> Invoice:
    """Requires its lock. Its trial is over, its first period begins: the invoice of that, not yet charged."""
    metering.close_period(subscription)
    return _begin_period(subscription, [], events.SubscriptionConverted, actor)


def _renew(subscription: Subscription) -> None:
    """The next period begins, and is billed with what the last one used over its limits."""
    over = metering.close_period(subscription)
    invoice = _begin_period(subscription, over, events.SubscriptionRenewed, ACTOR)
    charging.charge(subscription, invoice, actor=ACTOR, reason=f"period {subscription.period}")


def _begin_period(
    subscription: Subscription, over: list[Line], event: type[events.BilledSubscriptionEvent], actor: Principal
) -> Invoice:
    """Of the plan that it changes to, if it does."""
    following = subscription.next_plan_version
    if following is not None:
        if following.cycle != subscription.plan_version.cycle:
            moving.anchor(subscription, at=subscription.period_ends_at)
        subscription.plan_version, subscription.next_plan_version = following, None
    period = charging.following_period(subscription)
    charging.enter(subscription, period)
    lines = [charging.plan_line(subscription), *over]
    invoice = charging.bill(subscription, lines=lines, period=period.number, actor=actor)
    moving.note(subscription, event, actor=actor, invoice=invoice.id)
    return invoice


def _wait(subscription: Subscription) -> None:
    subscription.due_at = clock.now() + datetime.timedelta(seconds=settings.BILLING_WAIT_SECONDS)
    subscription.save(update_fields=["due_at"])


@db.transaction(idempotent=False)
def _put_off(subscription_id: str) -> None:
    """One subscription that cannot be taken up must not stand in the way of the others."""
    subscription = locks.try_lock(subscription_id)
    if subscription is not None:
        _wait(subscription)
