"""What happens to subscriptions by itself once its time has come: periods, the ends of trials and of days of grace.

Each step is a transaction of its own under the subscription's lock, and makes at most one period; what was missed is
made up for by coming back until nothing is due.
"""

import dataclasses
import datetime
import enum
import random
import time

from django.conf import settings

from billing import events
from billing.models import AfterGrace, PlanVersion, Subscription
from billing.services import charging, ending, locks, metering, moving
from billing.states import SERVED, SubscriptionStatus
from config.api.principals import Principal, system
from config.kernel import clock, correlation, db
from config.kernel.errors import Conflict
from invoices import services as invoices
from invoices.models import Invoice
from invoices.services import Line
from payments.services.sweeping import take_up_each

ACTOR = system("billing.renew")
BATCHES_TO_CHOOSE_FROM = 10
"""So many of them are read to choose one from: two workers that took the same ones would get in each other's way."""


class Step(enum.Enum):
    """What became of a subscription that was due when it was read."""

    TAKEN = "taken"
    NO_LONGER_DUE = "no longer due"
    LOCKED = "locked by somebody else"


@dataclasses.dataclass(frozen=True)
class Due:
    """A subscription whose time had come when it was read. A version never changes, though the subscription's may."""

    subscription_id: str
    customer_id: str
    version: PlanVersion


class NotDue(Conflict):
    """Nothing is due to happen to subscription {subscription_id} by itself now."""

    code = "not_due"


def renew_due(*, budget_seconds: float = settings.RENEWAL_TASK_SECONDS) -> int:
    """Take up each subscription whose time has come until none is due, and return how many steps that took.

    Stops after `budget_seconds` of real time; what only others have locked is left to them. Any number of these may run
    at once: they share the work.
    """
    deadline = time.monotonic() + budget_seconds
    taken = 0
    while (left := deadline - time.monotonic()) > 0:
        due = _read_due()
        steps = _take_up(due, budget_seconds=left)
        taken += steps.count(Step.TAKEN)
        if steps.count(Step.LOCKED) == len(due):
            break
    return taken


def _take_up(due: dict[str, Due], *, budget_seconds: float) -> list[Step]:
    steps: list[Step] = []
    take_up_each(
        due,
        take_up=lambda subscription_id: steps.append(take_step(due[subscription_id])),
        put_off=lambda subscription_id: _put_off(due[subscription_id]),
        budget_seconds=budget_seconds,
    )
    return steps


def _read_due() -> dict[str, Due]:
    """A batch by id: the longest waiting, or where many wait, some of those: another worker will have read others."""
    rows = Subscription.objects.due(clock.now()).values_list("id", "customer_id", "plan_version_id")
    waiting = list(rows[: settings.RENEWAL_BATCH * BATCHES_TO_CHOOSE_FROM])
    if len(waiting) > settings.RENEWAL_BATCH:
        waiting = random.sample(waiting, settings.RENEWAL_BATCH)
    versions = PlanVersion.objects.select_related("plan").in_bulk({version_id for _, _, version_id in waiting})
    return {id: Due(id, customer_id, versions[version_id]) for id, customer_id, version_id in waiting}


@db.transaction(idempotent=True)
def take_step(due: Due) -> Step:
    """Do what is due for one subscription, at most one thing."""
    subscription = locks.try_lock(subscription_id=due.subscription_id, customer_id=due.customer_id)
    if subscription is None:
        return Step.LOCKED
    if not _is_due(subscription):
        return Step.NO_LONGER_DUE
    if subscription.plan_version_id == due.version.id:
        subscription.plan_version = due.version
    with correlation.bind(correlation.accept_or_new(None), subscription_id=subscription.id):
        _advance(subscription, ACTOR, "")
    return Step.TAKEN


@db.transaction(idempotent=False)
def take_up(*, actor: Principal, subscription_id: str, reason: str) -> Subscription:
    """Do what is due for one subscription now, at most one thing. Raises SubscriptionNotFound, NotDue."""
    subscription = locks.lock(subscription_id, actor)
    check_due(subscription)
    _advance(subscription, actor, reason)
    return subscription


def check_due(subscription: Subscription) -> None:
    """Raises NotDue."""
    if not _is_due(subscription):
        raise NotDue(subscription_id=subscription.id)


def catch_up(subscription: Subscription) -> None:
    """Requires its lock. Whatever somebody does to it comes after the periods that have begun: they are billed."""
    while _is_due(subscription) and _is_renewal(subscription):
        _renew(subscription, ACTOR, "")
        db.flush()


def _is_due(subscription: Subscription) -> bool:
    return subscription.due_at is not None and subscription.due_at <= clock.now()


def _advance(subscription: Subscription, actor: Principal, reason: str) -> None:
    """`reason` is that of whoever had it done; otherwise each step gives its own."""
    if subscription.status == SubscriptionStatus.PENDING:
        _expire_unpaid(subscription, actor, reason)
    elif _is_grace_over(subscription):
        _end_grace(subscription, actor, reason)
    elif subscription.cancels_at_period_end:
        ending.end_now(subscription, actor=actor, reason=reason or subscription.cancel_reason)
    elif subscription.period == 0:
        _end_trial(subscription, actor, reason)
    else:
        _renew(subscription, actor, reason)


def _is_renewal(subscription: Subscription) -> bool:
    """Whether what is due is another period, and nothing else."""
    return (
        subscription.status in SERVED
        and not _is_grace_over(subscription)
        and not subscription.cancels_at_period_end
        and subscription.period > 0
    )


def _is_grace_over(subscription: Subscription) -> bool:
    return subscription.status == SubscriptionStatus.PAST_DUE and moving.grace_ends_at(subscription) <= clock.now()


def _expire_unpaid(subscription: Subscription, actor: Principal, reason: str) -> None:
    """Its first invoice was not paid in time, and nobody owes it any more; unless a payment is just under way."""
    if charging.owed(subscription) is None:
        _wait(subscription)
        return
    charging.void_owed(subscription, actor=actor, reason=reason or "the subscription has expired")
    moving.expire(subscription, actor=actor, reason=reason or "the first invoice was not paid in time")


def _end_grace(subscription: Subscription, actor: Principal, reason: str) -> None:
    """A payment that is under way at a provider is waited for; one that a person has to confirm is not."""
    version = subscription.plan_version
    reason = reason or f"not paid within {version.grace_days} days"
    if charging.owed(subscription) is None and not charging.waits_for_a_person(subscription):
        _wait(subscription)
    elif version.after_grace == AfterGrace.CANCEL:
        ending.end_now(subscription, actor=actor, reason=reason)
    else:
        moving.suspend(subscription, actor=actor, reason=reason)


def _end_trial(subscription: Subscription, actor: Principal, reason: str) -> None:
    """It becomes a paid one as soon as its first invoice is paid, or ends where there is nothing to pay with."""
    if not _can_pay(subscription):
        metering.close_period(subscription)
        moving.expire(subscription, actor=actor, reason=reason or "the trial has ended with nothing to pay with")
        return
    invoice = convert(subscription, actor=actor, reason=reason)
    charging.charge(subscription, invoice, actor=actor, reason=reason or "the trial has ended")


def _can_pay(subscription: Subscription) -> bool:
    """Whether the period after the trial costs no more than the customer's credit, or something else pays it."""
    version = subscription.next_plan_version or subscription.plan_version
    credit = invoices.credit_balance(customer=subscription.customer, currency=version.currency)
    return version.amount <= credit or charging.terms_of(subscription) is not None


def convert(subscription: Subscription, *, actor: Principal, reason: str = "") -> Invoice:
    """Requires its lock. Its trial is over, its first period begins, on the next plan if any: the uncharged invoice."""
    metering.close_period(subscription)
    charging.change_to_next_plan(subscription)
    return _begin_period(subscription, [], events.SubscriptionConverted, actor, reason)


def _renew(subscription: Subscription, actor: Principal, reason: str) -> None:
    """The next period begins, of the plan it changes to, and is billed with what the last one used over its limits."""
    over = metering.close_period(subscription)
    charging.change_to_next_plan(subscription)
    invoice = _begin_period(subscription, over, events.SubscriptionRenewed, actor, reason)
    charging.charge(subscription, invoice, actor=actor, reason=reason or f"period {subscription.period}")


def _begin_period(
    subscription: Subscription,
    over: list[Line],
    event: type[events.BilledSubscriptionEvent],
    actor: Principal,
    reason: str,
) -> Invoice:
    period = charging.following_period(subscription)
    charging.enter(subscription, period)
    lines = [charging.plan_line(subscription), *over]
    invoice = charging.bill(subscription, lines=lines, period=period.number, actor=actor)
    moving.note(subscription, event, actor=actor, reason=reason, invoice=invoice.id)
    return invoice


def _wait(subscription: Subscription) -> None:
    subscription.due_at = clock.now() + datetime.timedelta(seconds=settings.BILLING_WAIT_SECONDS)
    subscription.save(update_fields=["due_at"])


@db.transaction(idempotent=False)
def _put_off(due: Due) -> None:
    """One subscription that cannot be taken up must not stand in the way of the others."""
    subscription = locks.try_lock(subscription_id=due.subscription_id, customer_id=due.customer_id)
    if subscription is not None:
        _wait(subscription)
