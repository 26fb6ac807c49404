"""A subscription begins: with its first invoice, or with a trial."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Any

from billing import events
from billing.models import Plan, PlanVersion, Subscription
from billing.services import calendar, charging, moving, plans
from billing.states import SubscriptionStatus
from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay, insert_once, key_fields
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, FieldError, Invalid
from invoices import services as invoices
from outbox import services as outbox
from payments import services as payments
from payments.services import PaymentTerms


class AlreadySubscribed(Conflict):
    """The customer has the live subscription {subscription_id} of this plan or one of its family."""

    code = "already_subscribed"


class TrialUsed(Conflict):
    """The customer has had a trial of this plan or one of its family: {subscription_id}."""

    code = "trial_used"


class NoTrial(Conflict):
    """Plan {plan_id} has no trial days."""

    code = "plan_has_no_trial"


@dataclasses.dataclass(frozen=True)
class NewSubscription:
    """Who subscribes to what. Without `terms` it is paid with the customer's default payment method.

    Periods follow the calendar of `time_zone`, an IANA name.
    """

    customer_id: str
    plan_id: str
    terms: PaymentTerms | None = None
    time_zone: str = "UTC"
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def subscribe(*, actor: Principal, new: NewSubscription, key: IdempotencyKey | None) -> Created[Subscription]:
    """A pending subscription whose first invoice is charged at once, if there is something to pay it with.

    Raises CustomerNotFound, PlanNotFound, PlanInactive, AlreadySubscribed, Invalid, IdempotencyKeyReused, and what
    `payments.means_for` does.
    """

    def begin(plan: Plan, version: PlanVersion) -> Subscription:
        now = clock.now()
        ends_at = calendar.boundary(anchored_at=now, cycle=version.cycle, cycles=1, time_zone=new.time_zone)
        return _build(new, plan, version, starts_at=now, ends_at=ends_at, period=1)

    return _begin_once(actor, new, key, begin)


def start_trial(*, actor: Principal, new: NewSubscription, key: IdempotencyKey | None) -> Created[Subscription]:
    """A trialing subscription for the plan's trial days. A customer has one trial of each family of plans.

    Raises NoTrial, TrialUsed, else as `subscribe`.
    """

    def begin(plan: Plan, version: PlanVersion) -> Subscription:
        if not version.trial_days:
            raise NoTrial(plan_id=plan.id)
        used = Subscription.objects.filter(customer=new.customer_id, trial_family=plan.family).first()
        if used is not None:
            raise TrialUsed(subscription_id=used.id)
        now = clock.now()
        ends_at = now + datetime.timedelta(days=version.trial_days)
        trial = _build(new, plan, version, starts_at=now, ends_at=ends_at, period=0)
        trial.trial_family, trial.trial_ends_at, trial.anchored_at = plan.family, ends_at, ends_at
        return trial

    return _begin_once(actor, new, key, begin)


def _begin_once(
    actor: Principal,
    new: NewSubscription,
    key: IdempotencyKey | None,
    begin: Callable[[Plan, PlanVersion], Subscription],
) -> Created[Subscription]:
    if not calendar.is_time_zone(new.time_zone):
        detail = "Send an IANA time zone, such as Europe/Berlin."
        raise Invalid(errors=(FieldError("time_zone", "unknown_time_zone", detail),))

    @db.transaction(idempotent=key is not None)
    def run() -> Created[Subscription]:
        if not actor.sees(new.customer_id):
            raise invoices.CustomerNotFound(id=new.customer_id)
        customer = invoices.lock_customer(new.customer_id)
        if earlier := find_replay(Subscription, key):
            return earlier
        plan, version = plans.offered(new.plan_id)
        if new.terms is not None:
            payments.means_for(customer.id, new.terms)
        check_not_subscribed(new.customer_id, plan.family)
        subscription = begin(plan, version)
        subscription.customer = customer
        for name, value in key_fields(key).items():
            setattr(subscription, name, value)
        created = insert_once(Subscription, key, lambda: _inserted(subscription, actor))
        if created.is_new and subscription.status == SubscriptionStatus.PENDING:
            _bill_first_period(subscription, actor=actor)
        return created

    return find_earlier(Subscription, key) or run()


def check_not_subscribed(customer_id: str, family: str) -> None:
    """Requires the customer's lock. Raises AlreadySubscribed."""
    live = Subscription.objects.filter(customer=customer_id, live_family=family).first()
    if live is not None:
        raise AlreadySubscribed(subscription_id=live.id)


def _build(
    new: NewSubscription,
    plan: Plan,
    version: PlanVersion,
    *,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    period: int,
) -> Subscription:
    is_trial = period == 0
    return Subscription(
        status=SubscriptionStatus.TRIALING if is_trial else SubscriptionStatus.PENDING,
        customer_id=new.customer_id,
        plan_version=version,
        family=plan.family,
        live_family=plan.family,
        payment_method=new.terms.payment_method if new.terms else "",
        provider=new.terms.provider if new.terms else "",
        time_zone=new.time_zone,
        anchored_at=starts_at,
        period=period,
        period_starts_at=starts_at,
        period_ends_at=ends_at,
        metadata=new.metadata,
        created_at=clock.now(),
    )


def _inserted(subscription: Subscription, actor: Principal) -> Subscription:
    subscription.due_at = moving.next_due(subscription)
    created = events.of_subscription(events.SubscriptionCreated, subscription)
    outbox.record(source=subscription, event=created, actor=actor)
    subscription.save(force_insert=True)
    return subscription


def _bill_first_period(subscription: Subscription, *, actor: Principal) -> None:
    line = charging.plan_line(subscription)
    invoice = charging.bill(subscription, lines=[line], period=subscription.period, actor=actor)
    charging.charge(subscription, invoice, actor=actor, reason="the first period")
