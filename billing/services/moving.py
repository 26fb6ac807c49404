"""The steps by which a subscription changes: transition or note, save, event. All require its lock."""

import datetime
from typing import Any

from django.conf import settings

from billing import events
from billing.models import AfterGrace, Subscription
from billing.states import SubscriptionStatus
from config.api.principals import Principal
from config.kernel import clock, db
from outbox import services as outbox
from outbox.states import advance


def activate(subscription: Subscription, *, actor: Principal, reason: str = "") -> None:
    """Nothing is owed any more. One that was unpaid while its period ended begins a new one now."""
    now = clock.now()
    if subscription.status == SubscriptionStatus.UNPAID and subscription.period_ends_at <= now:
        anchor(subscription, at=now)
    subscription.past_due_at = None
    _move(subscription, "activate", events.SubscriptionActivated, actor, reason)


def fall_due(subscription: Subscription, *, actor: Principal, reason: str) -> None:
    """Something is owed: the days of grace begin."""
    subscription.past_due_at = clock.now()
    _move(subscription, "fall_due", events.SubscriptionPastDue, actor, reason)


def end_grace(subscription: Subscription, *, actor: Principal, reason: str = "") -> None:
    """What is owed was not paid in time: suspended or canceled, as the plan says."""
    reason = reason or f"not paid within {subscription.plan_version.grace_days} days"
    if subscription.plan_version.after_grace == AfterGrace.CANCEL:
        cancel(subscription, actor=actor, reason=reason)
    else:
        _move(subscription, "suspend", events.SubscriptionUnpaid, actor, reason)


def expire(subscription: Subscription, *, actor: Principal, reason: str) -> None:
    """It never became a paid one."""
    _end(subscription)
    _move(subscription, "expire", events.SubscriptionExpired, actor, reason)


def cancel(subscription: Subscription, *, actor: Principal, reason: str) -> None:
    """It has ended."""
    _end(subscription)
    subscription.cancel_reason = subscription.cancel_reason or reason
    _move(subscription, "cancel", events.SubscriptionCanceled, actor, reason)


def note(
    subscription: Subscription,
    event: type[events.SubscriptionEvent],
    *,
    actor: Principal,
    reason: str = "",
    **more: Any,
) -> None:
    """Save what the caller has changed, with `event`; `more` are the further fields of its type."""
    db.require_transaction()
    subscription.due_at = next_due(subscription)
    told = events.of_subscription(event, subscription, **more)
    outbox.record(source=subscription, event=told, actor=actor, reason=reason)
    subscription.save()


def anchor(subscription: Subscription, *, at: datetime.datetime) -> None:
    """Periods are counted from `at`, where the current one ends."""
    subscription.anchored_at, subscription.anchor_cycles = at, 0
    subscription.period_ends_at = at


def next_due(subscription: Subscription) -> datetime.datetime | None:
    """When something happens by itself, as far as the row tells; None when nothing does."""
    match subscription.status:
        case SubscriptionStatus.PENDING:
            return subscription.created_at + datetime.timedelta(seconds=settings.PENDING_EXPIRES_AFTER_SECONDS)
        case SubscriptionStatus.TRIALING | SubscriptionStatus.ACTIVE:
            return subscription.period_ends_at
        case SubscriptionStatus.PAST_DUE:
            return min(subscription.period_ends_at, grace_ends_at(subscription))
    return None


def grace_ends_at(subscription: Subscription) -> datetime.datetime:
    """Until when what is past due stays usable."""
    assert subscription.past_due_at is not None, subscription.id
    return subscription.past_due_at + datetime.timedelta(days=subscription.plan_version.grace_days)


def _end(subscription: Subscription) -> None:
    subscription.ended_at = clock.now()
    subscription.live_family = None
    subscription.next_plan_version = None


def _move(
    subscription: Subscription, action: str, event: type[events.SubscriptionEvent], actor: Principal, reason: str
) -> None:
    db.require_transaction()
    advance(subscription, action)
    note(subscription, event, actor=actor, reason=reason)
