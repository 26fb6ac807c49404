"""What subscribers, their back ends and staff do with plans, subscriptions, usage and payment methods."""

from __future__ import annotations

import random
from typing import Any

from billing import services as billing
from billing.models import Plan, Subscription
from billing.states import LIVE
from config.celery import app
from config.kernel.errors import DomainError
from config.kernel.prepared import Select
from payments.models import PaymentMethod
from tests.simulation.people import CUSTOMERS, STAFF, ask_anew, means, one
from tests.simulation.world import Request, World

OFFERED: tuple[dict[str, Any], ...] = (
    {
        "amount": 1400,
        "cycle": "week",
        "trial_days": 3,
        "grace_days": 2,
        "features": {"calls": {"limit": 6}, "sso": True},
    },
    {
        "amount": 2900,
        "cycle": "month",
        "after_grace": "cancel",
        "features": {"calls": {"limit": 5, "overage": {"unit_amount": 7, "per": 2}}, "disk": {"limit": "1kB"}},
    },
    {
        "amount": 4500,
        "cycle": "week",
        "trial_days": 10,
        "retry_policy": {"max_attempts": 2, "base_seconds": 60},
        "features": {"calls": {"limit": None}},
    },
    {"amount": 0, "cycle": "quarter", "features": {"calls": {"limit": 2}}},
    {"amount": 300, "cycle": "week", "family": "extra", "grace_days": 0, "features": {"disk": {"limit": 3}}},
)
"""What there may be, by its place: a few plans between which people change, and one beside them."""
FEW_CUSTOMERS = 2
FEW_SUBSCRIPTIONS = 6
FEW_METHODS = 4
DECLINED = ("tok_declined_insufficient_funds", "tok_declined_stolen", "tok_async_declined")
TIME_ZONES = ("UTC", "America/New_York", "Pacific/Apia")

PLANS = Select(Plan.objects.order_by("id"))
SUBSCRIPTIONS = Select(Subscription.objects.order_by("id"))
METHODS = Select(PaymentMethod.objects.order_by("id"))


def offer_plan(world: World, rng: random.Random) -> None:
    """One more; or what is offered costs something else from now on, or is offered no more."""
    number = rng.randrange(len(OFFERED))
    plan = next((each for each in PLANS.all() if each.name == f"Plan {number}"), None)
    if plan is None:
        ask_anew(world, rng, "plans", {"name": f"Plan {number}", "currency": "EUR"} | OFFERED[number])
    elif rng.random() < 0.1:
        what = {"is_active": not plan.is_active} if rng.random() < 0.3 else {"amount": rng.randint(1, 60) * 100}
        _change(world, rng, f"plans/{plan.id}", what)


def subscribe(world: World, rng: random.Random) -> None:
    _begin(world, rng, "subscriptions")


def start_trial(world: World, rng: random.Random) -> None:
    _begin(world, rng, "subscriptions/trial")


def _begin(world: World, rng: random.Random, path: str) -> None:
    if len(CUSTOMERS.all()) < (FEW_CUSTOMERS if rng.random() < 0.1 else 1):
        ask_anew(world, rng, "customers", {"name": "Ada"})
    for _ in range(2 - len(PLANS.all())):
        offer_plan(world, rng)
    customer, plan = one(rng, CUSTOMERS.all()), one(rng, PLANS.all())
    if customer is not None and plan is not None and len(SUBSCRIPTIONS.all()) < FEW_SUBSCRIPTIONS:
        what = {"plan": plan.id, "customer": customer.id, "time_zone": rng.choice(TIME_ZONES)}
        ask_anew(world, rng, path, what | _paid_with(rng, customer.id))


def _paid_with(rng: random.Random, customer_id: str) -> dict[str, Any]:
    """With a method of the customer, with any token or provider, or with whatever is the default; there may be none."""
    method = one(rng, (each for each in METHODS.all() if each.customer_id == customer_id))
    chance = rng.random()
    if method is not None and chance < 0.4:
        return {"payment_method": method.id}
    return {} if chance < 0.5 else means(rng)


def change_plan(world: World, rng: random.Random) -> None:
    subscription = _any_subscription(rng)
    if subscription is None:
        return
    is_back = rng.random() < 0.1
    plan = one(rng, (each for each in PLANS.all() if is_back or each.latest_version_id != subscription.plan_version_id))
    if plan is not None:
        when = rng.choice([{}, {"when": "now"}, {"when": "period_end"}])
        _change(world, rng, f"subscriptions/{subscription.id}", {"plan": plan.id} | when)


def change_payment_method(world: World, rng: random.Random) -> None:
    """Often to one that is declined when the next period begins."""
    subscription = _any_subscription(rng)
    if subscription is not None:
        declined = {"payment_method": rng.choice(DECLINED)} if rng.random() < 0.4 else {}
        what = {"payment_method": ""} | _paid_with(rng, subscription.customer_id) | declined
        _change(world, rng, f"subscriptions/{subscription.id}", what)


def pay_subscription(world: World, rng: random.Random) -> None:
    """What it owes, or the end of its trial."""
    subscription = _any_subscription(rng)
    if subscription is not None:
        what = {"subscription": subscription.id} | _paid_with(rng, subscription.customer_id)
        ask_anew(world, rng, "payments", what)


def cancel_subscription(world: World, rng: random.Random) -> None:
    subscription = _any_subscription(rng)
    if subscription is not None:
        when = "now" if rng.random() < 0.4 else "period_end"
        what = {name: rng.random() < 0.3 for name in ("void_open_invoices", "credit_unused")}
        world.ask(rng, Request(f"subscriptions/{subscription.id}/cancel", {"when": when} | what, ""))


def reactivate(world: World, rng: random.Random) -> None:
    subscription = one(rng, (each for each in SUBSCRIPTIONS.all() if each.cancels_at_period_end))
    if subscription is not None:
        world.ask(rng, Request(f"subscriptions/{subscription.id}/reactivate", {}, ""))


def use(world: World, rng: random.Random) -> None:
    """Of one subscription or of any that has it; of what has ended or is not paid too, and more than there is left."""
    subscription = _any_subscription(rng)
    if subscription is None:
        return
    feature = "disk" if rng.random() < 0.2 else "calls"
    what = {"customer": subscription.customer_id, "feature_name": feature, "delta": rng.randint(1, 3)}
    ask_anew(world, rng, "usage/use", what | ({"subscription": subscription.id} if rng.random() < 0.6 else {}))


def attach_method(world: World, rng: random.Random) -> None:
    customer = one(rng, CUSTOMERS.all())
    if customer is not None and len(METHODS.all()) < FEW_METHODS:
        token = means(rng).get("payment_method", "tok_visa")
        what = {"customer": customer.id, "payment_method": token, "make_default": rng.random() < 0.5}
        ask_anew(world, rng, "payment-methods", what)


def change_default(world: World, rng: random.Random) -> None:
    """To another method; or one is detached, be it the default."""
    method = one(rng, METHODS.all())
    if method is not None and rng.random() < 0.5:
        world.ask(rng, Request(f"payment-methods/{method.id}/default", {}, ""))
    elif method is not None:
        world.ask(rng, Request(f"payment-methods/{method.id}", {}, "", method="DELETE"))


def take_up(world: World, rng: random.Random) -> None:
    """Staff does not want to wait for the schedule."""
    subscription = one(rng, (each for each in SUBSCRIPTIONS.all() if each.due_at))
    if subscription is not None:
        world.start(
            "take up",
            rng,
            lambda: billing.take_up(actor=STAFF, subscription_id=subscription.id, reason="now").status,
            refusals=(DomainError,),
        )


def renew(world: World, rng: random.Random) -> None:
    """The beat's task, when there is something for it to do."""
    if any(at <= world.clock.now for at in _next_due()):
        world.start("beat billing.renew_due", rng, lambda: app.tasks["billing.renew_due"]())


def wait_for_a_period(world: World, rng: random.Random) -> None:
    """Until something is due by itself, or until it should have happened long ago."""
    due = one(rng, _next_due())
    if due is not None:
        late = rng.choice([-1, 0.001, 0.001, 0.001, 60, 60, 90_000, 8 * 86_400, 25 * 86_400])
        seconds = max(due - world.clock.now, 0) + late
        world.clock.pass_by(max(seconds, 0.001))
        world.trace.append(f"{seconds / 86_400:.4f} days go by")


def _next_due() -> list[float]:
    return [each.due_at.timestamp() for each in SUBSCRIPTIONS.all() if each.due_at]


def _any_subscription(rng: random.Random) -> Subscription | None:
    """Mostly of those that have not ended."""
    live = [each for each in SUBSCRIPTIONS.all() if each.status in LIVE]
    return one(rng, live if rng.random() < 0.9 else SUBSCRIPTIONS.all())


def _change(world: World, rng: random.Random, path: str, what: dict[str, Any]) -> None:
    world.ask(rng, Request(path, what, "", method="PATCH"))
