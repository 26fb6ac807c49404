"""A subscription changes to another plan of its family: now, with what was paid and not used credited, or later."""

import datetime
from fractions import Fraction

from billing import events
from billing.models import Cycle, PlanVersion, Subscription
from billing.services import calendar, charging, locks, metering, moving, plans, renewing
from billing.services.canceling import When, check_merchant
from billing.states import SubscriptionStatus
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, ForbiddenTransition
from invoices.models import Invoice
from invoices.services import Line

CHANGEABLE = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE)


class SamePlan(Conflict):
    """Subscription {subscription_id} is on plan {plan_id}, or about to be."""

    code = "same_plan"


class OtherFamily(Conflict):
    """Plan {plan_id} is not of the family {family}, within which subscription {subscription_id} can change."""

    code = "other_family"


class CurrencyDiffers(Conflict):
    """Plan {plan_id} is not in {currency}, as subscription {subscription_id} is."""

    code = "currency_differs"


class NotPaidYet(Conflict):
    """Invoice {invoice_id} of subscription {subscription_id} is not paid yet, so nothing of it can be credited."""

    code = "not_paid_yet"


@db.transaction(idempotent=False)
def change_plan(
    *, actor: Principal, subscription_id: str, plan_id: str, when: When | None = None, reason: str = ""
) -> Subscription:
    """Change to the latest version of a plan: at once if it costs more in the same time, else when the period ends.

    `when` decides otherwise; a customer may only wait for longer. What the customer has paid and not used is credited
    to the second. A change back to the present plan takes back one that was to come. Periods that have begun meanwhile
    are billed first. Raises SubscriptionNotFound, PlanNotFound, PlanInactive, SamePlan, OtherFamily, CurrencyDiffers,
    OnlyForMerchants, NotPaidYet where it would leave credit for what was not paid, and ForbiddenTransition unless it is
    trialing or active.
    """
    subscription = locks.lock(subscription_id, actor)
    renewing.catch_up(subscription)
    status = SubscriptionStatus.CANCELED if _has_run_out(subscription) else subscription.status
    if status not in CHANGEABLE:
        raise ForbiddenTransition(
            action="change the plan of", resource="subscription", status=status, id=subscription.id
        )
    if _takes_back(subscription, plan_id):
        subscription.next_plan_version = None
        moving.note(subscription, events.SubscriptionChangeUnscheduled, actor=actor, reason=reason)
        return subscription
    plan, version = plans.offered(plan_id)
    _check(subscription, version, family=plan.family, when=when)
    usual = _default_when(subscription, version)
    check_merchant(actor, when=when == When.NOW and usual == When.PERIOD_END)
    if (when or usual) == When.PERIOD_END:
        subscription.next_plan_version = version
        moving.note(subscription, events.SubscriptionChangeScheduled, actor=actor, reason=reason)
    else:
        _change_now(subscription, version, actor=actor, reason=reason)
    return subscription


def _has_run_out(subscription: Subscription) -> bool:
    """Whether it was to be canceled with its period, which is over, though nobody has ended it yet."""
    return subscription.cancels_at_period_end and subscription.period_ends_at <= clock.now()


def _takes_back(subscription: Subscription, plan_id: str) -> bool:
    """The present plan goes on as it is, whatever it costs or is by now, and another one does not follow."""
    following = subscription.next_plan_version
    return following is not None and following.plan_id != plan_id == subscription.plan_version.plan_id


def _check(subscription: Subscription, version: PlanVersion, *, family: str, when: When | None) -> None:
    about = {"subscription_id": subscription.id, "plan_id": version.plan_id}
    following = None if when == When.NOW else subscription.next_plan_version
    if version == (following or subscription.plan_version):
        raise SamePlan(**about)
    if family != subscription.family:
        raise OtherFamily(family=subscription.family, **about)
    if version.currency != subscription.plan_version.currency:
        raise CurrencyDiffers(currency=subscription.plan_version.currency, **about)


def _default_when(subscription: Subscription, version: PlanVersion) -> When:
    is_dearer = _per_day(version) > _per_day(subscription.plan_version)
    return When.NOW if is_dearer or subscription.period == 0 else When.PERIOD_END


def _per_day(version: PlanVersion) -> Fraction:
    return Fraction(version.amount) / calendar.DAYS[Cycle(version.cycle)]


def _change_now(subscription: Subscription, version: PlanVersion, *, actor: Principal, reason: str) -> None:
    if subscription.period == 0:
        _carry_on(subscription, version, actor)
        moving.note(subscription, events.SubscriptionPlanChanged, actor=actor, reason=reason, invoice=None)
        return
    invoice = _switch(subscription, version, now=clock.now(), actor=actor)
    moving.note(subscription, events.SubscriptionPlanChanged, actor=actor, reason=reason, invoice=invoice.id)
    charging.charge(subscription, invoice, actor=actor, reason="a change of plan")


def _switch(subscription: Subscription, version: PlanVersion, *, now: datetime.datetime, actor: Principal) -> Invoice:
    """The rest of the period on the new plan; where its cycle is another one, a period that begins now."""
    credited = charging.unused(subscription, now=now)
    if version.cycle == subscription.plan_version.cycle:
        _carry_on(subscription, version, actor)
        rest = charging.rest_line(subscription, now=now)
        _check_paid(subscription, [*credited, rest])
        return charging.bill(subscription, lines=[*credited, rest], period=None, actor=actor)
    over = metering.close_period(subscription)
    was = subscription.period
    subscription.plan_version, subscription.next_plan_version = version, None
    moving.anchor(subscription, at=now)
    period = charging.following_period(subscription)
    charging.enter(subscription, period)
    metering.carry(subscription, period=was)
    lines = [*credited, charging.plan_line(subscription), *over]
    _check_paid(subscription, lines)
    return charging.bill(subscription, lines=lines, period=period.number, actor=actor)


def _check_paid(subscription: Subscription, lines: list[Line]) -> None:
    """What would become credit has to be paid first. Raises NotPaidYet."""
    unsettled = charging.unsettled(subscription)
    if unsettled is not None and sum(line.amount for line in lines) < 0:
        raise NotPaidYet(invoice_id=unsettled.id, subscription_id=subscription.id)


def _carry_on(subscription: Subscription, version: PlanVersion, actor: Principal) -> None:
    """The period goes on with the new plan, and so do the counters of what was used in it."""
    was = subscription.plan_version
    subscription.plan_version, subscription.next_plan_version = version, None
    metering.limit_anew(subscription, was=was, actor=actor)
