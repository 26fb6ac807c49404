"""What makes the events of plans, subscriptions and usage happen: recipes, as in `recipes`."""

from collections.abc import Callable
from typing import Any

from billing import services as billing
from billing.models import UsageCounter
from billing.services import When
from config.management.triggers.world import NAME, SIMULATED, World
from payments.services import PaymentTerms

GOOD, EMPTY = (
    PaymentTerms(provider=SIMULATED, payment_method=f"tok_{each}") for each in ("visa", "insufficient_funds")
)


def make_plan(world: World) -> str:
    """A plan is made, and gets another name."""
    plan = _plan(world)
    billing.update_plan(actor=world.actor, plan_id=plan, changes={"name": f"{NAME} updated"})
    return plan


def subscribe(world: World) -> str:
    """A new customer subscribes to a new plan and pays the first invoice with tok_visa."""
    subscription = _begin(world, billing.subscribe, GOOD)
    world.until_recorded(subscription, "subscription.activated")
    return subscription


def change_and_cancel(world: World) -> str:
    """A subscription that is paid is upgraded, about to be downgraded, paid otherwise, about to end, and canceled."""
    subscription = subscribe(world)
    about: dict[str, Any] = {"actor": world.actor, "subscription_id": subscription, "reason": NAME}
    dearer, cheaper = _plan(world, world.amount * 2), _plan(world)
    billing.change_plan(plan_id=dearer, when=When.NOW, **about)
    billing.change_plan(plan_id=cheaper, when=When.PERIOD_END, **about)
    billing.change_plan(plan_id=dearer, **about)
    billing.change_payment_method(terms=EMPTY, **about)
    billing.cancel_subscription(when=When.PERIOD_END, **about)
    billing.reactivate_subscription(**about)
    billing.cancel_subscription(**about)
    return subscription


def convert(world: World) -> str:
    """A trial ends because it is paid for."""
    subscription = _begin(world, billing.start_trial)
    billing.pay_subscription(
        actor=world.actor, subscription_id=subscription, terms=GOOD, key=world.key("payments.create")
    )
    return subscription


def fall_due(world: World) -> str:
    """A subscription is upgraded, and tok_insufficient_funds does not pay for it."""
    subscription = subscribe(world)
    billing.change_payment_method(actor=world.actor, subscription_id=subscription, terms=EMPTY)
    dearer = _plan(world, world.amount * 2)
    billing.change_plan(actor=world.actor, subscription_id=subscription, plan_id=dearer, when=When.NOW)
    return subscription


def use_up(world: World) -> str:
    """A trial's customer uses all that it holds."""
    subscription = _begin(world, billing.start_trial)
    customer = billing.find_subscription(subscription, world.actor).customer_id
    billing.use(actor=world.actor, customer_id=customer, feature_name="calls", delta=1, key=None)
    return UsageCounter.objects.get(subscription=subscription).id


def _begin(world: World, begin: Any, terms: PaymentTerms | None = None) -> str:
    new = billing.NewSubscription(customer_id=world.customer(), plan_id=_plan(world), terms=terms)
    return str(begin(actor=world.actor, new=new, key=None).row.id)


def _plan(world: World, amount: int | None = None) -> str:
    terms = billing.PlanTerms(
        amount=amount or world.amount,
        currency=world.currency,
        cycle="month",
        trial_days=14,
        features={"calls": {"limit": 1}},
    )
    return billing.create_plan(actor=world.actor, name=NAME, terms=terms, key=None).row.id


CAUSES: dict[Callable[[World], str], list[str]] = {
    make_plan: ["plan.created", "plan.updated"],
    subscribe: ["subscription.created", "subscription.activated"],
    change_and_cancel: [
        "subscription.plan_changed",
        "subscription.change_scheduled",
        "subscription.change_unscheduled",
        "subscription.payment_method_changed",
        "subscription.cancel_scheduled",
        "subscription.reactivated",
        "subscription.canceled",
    ],
    convert: ["subscription.converted"],
    fall_due: ["subscription.past_due"],
    use_up: ["usage.threshold_reached"],
}
