"""Somebody ends a subscription, now or when its period ends, and may take the latter back."""

import enum

from billing import events
from billing.models import Subscription
from billing.services import locks, moving, renewing
from billing.services.ending import end_now
from billing.states import SubscriptionStatus
from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Conflict, FieldError, ForbiddenTransition, Invalid


class When(enum.StrEnum):
    NOW = "now"
    PERIOD_END = "period_end"


class CancelScheduled(Conflict):
    """Subscription {subscription_id} is canceled when its period ends already."""

    code = "cancel_scheduled"


class OnlyForMerchants(Invalid):
    """Only the merchant lets somebody off what they owe, or gives back what they have paid."""

    code = "only_for_merchants"

    def __init__(self, *fields: str) -> None:
        super().__init__()
        self.errors = tuple(FieldError(field, self.code, self.detail) for field in fields)


class NotScheduled(Conflict):
    """Subscription {subscription_id} is not about to be canceled."""

    code = "cancel_not_scheduled"


@db.transaction(idempotent=False)
def cancel_subscription(
    *,
    actor: Principal,
    subscription_id: str,
    when: When = When.NOW,
    reason: str = "",
    void_open_invoices: bool = False,
    credit_unused: bool = False,
) -> Subscription:
    """End it now or when its period ends; what is not served yet, or no more, ends now in any case.

    What is owed stays owed unless `void_open_invoices`; a pending one owes nothing. What was charged for the rest of
    the period stays charged unless `credit_unused`, which credits it where nothing is owed. Both are the merchant's to
    say, and the first stays said until it is reactivated. Periods that have begun meanwhile are billed first. Raises
    SubscriptionNotFound, CancelScheduled, OnlyForMerchants, and ForbiddenTransition once it has ended.
    """
    check_merchant(actor, void_open_invoices=void_open_invoices, credit_unused=credit_unused)
    subscription = locks.lock(subscription_id, actor)
    renewing.catch_up(subscription)
    if subscription.ended_at is not None:
        raise ForbiddenTransition(
            action="cancel", resource="subscription", status=subscription.status, id=subscription.id
        )
    subscription.voids_open_invoices |= void_open_invoices or subscription.status == SubscriptionStatus.PENDING
    if when == When.NOW or subscription.status in (SubscriptionStatus.PENDING, SubscriptionStatus.UNPAID):
        end_now(subscription, actor=actor, reason=reason, credit_unused=credit_unused)
        return subscription
    if subscription.cancels_at_period_end:
        raise CancelScheduled(subscription_id=subscription.id)
    subscription.cancels_at_period_end, subscription.cancel_reason = True, reason
    moving.note(subscription, events.SubscriptionCancelScheduled, actor=actor, reason=reason)
    return subscription


def check_merchant(actor: Principal, **asked: bool) -> None:
    """Raises OnlyForMerchants, naming the fields by which a customer has asked for it."""
    fields = [field for field, is_asked in asked.items() if is_asked]
    if fields and actor.kind == "customer":
        raise OnlyForMerchants(*fields)


@db.transaction(idempotent=False)
def reactivate_subscription(*, actor: Principal, subscription_id: str, reason: str = "") -> Subscription:
    """It goes on after all. Raises SubscriptionNotFound, NotScheduled, and ForbiddenTransition once it has ended."""
    subscription = locks.lock(subscription_id, actor)
    if subscription.ended_at is not None:
        raise ForbiddenTransition(
            action="reactivate", resource="subscription", status=subscription.status, id=subscription.id
        )
    if not subscription.cancels_at_period_end:
        raise NotScheduled(subscription_id=subscription.id)
    subscription.cancels_at_period_end, subscription.cancel_reason = False, ""
    subscription.voids_open_invoices = False
    moving.note(subscription, events.SubscriptionReactivated, actor=actor, reason=reason)
    return subscription
