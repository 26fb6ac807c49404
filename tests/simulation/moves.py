"""What anybody may do at any moment: people, workers, the provider, time. Each move is one turn of one of them.

A move is told everything by its random numbers, never by what was random before it: a schedule with moves left out
still means the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from django.conf import settings

from config.celery import app
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.providers.simulated.simulator.messages import Refused
from payments.providers.simulated.simulator.objects import Charge
from payments.providers.simulated.simulator.outgoing import OutgoingWebhook
from tests.simulation.network import wire
from tests.simulation.people import (
    REFUNDS,
    ask_provider_now,
    cancel,
    dispose,
    give_credit,
    issue_invoice,
    one,
    pay_invoice,
    pay_order,
    refund,
    repeat,
    replay_any,
    requeue,
    resolve,
    settle_by_hand,
    take_back,
    void,
)
from tests.simulation.subscribing import (
    attach_method,
    cancel_subscription,
    change_default,
    change_payment_method,
    change_plan,
    offer_plan,
    pay_subscription,
    reactivate,
    renew,
    start_trial,
    subscribe,
    take_up,
    use,
    wait_for_a_period,
)
from tests.simulation.world import World

Move = Callable[[World, random.Random], object]

ENDS_BY_WEBHOOK = ("tok_wrong_reference", "tok_wrong_account", "tok_disputed", "tok_refund_fails", "tok_refund_pending")
"""What the provider says of these nobody can ask for: their webhooks are not lost for good."""


def work(world: World, rng: random.Random) -> None:
    """A worker takes a message."""
    message = world.broker.take(rng)
    if message is not None:
        world.start(f"worker {message.task}", rng, lambda: app.tasks[message.task](*message.args))


def tick(world: World, rng: random.Random) -> None:
    """The beat's next task, whichever that is."""
    task = rng.choice(sorted(settings.CELERY_BEAT_SCHEDULE))
    world.start(f"beat {task}", rng, lambda: app.tasks[task]())


def relay(world: World, rng: random.Random) -> None:
    """A relay process makes a pass."""
    size = rng.choice([1, 2, 100])
    world.start("relay", rng, lambda: outbox.relay_once(batch_size=size))


def trouble_subscriber(world: World, rng: random.Random) -> None:
    """It goes down, or comes back; or there is an event that it cannot take."""
    world.far_end.is_down = not world.far_end.is_down and rng.random() < 0.5
    event = one(rng, OutboxEvent.objects.order_by("id").values_list("id", flat=True))
    if event is not None and rng.random() < 0.5:
        world.far_end.poison = {event}
    world.trace.append(f"the subscriber is {'down' if world.far_end.is_down else 'up'}")


def deliver(world: World, rng: random.Random) -> None:
    """The provider sends a webhook that is due, and notes whether it arrived."""
    world.core.advance(now=world.clock.now)
    webhook = world.core.webhooks.take_due(now=world.clock.now)
    if webhook is None:
        return
    if rng.random() < world.weather.lost_webhooks and not world.is_calm and _can_be_asked_for(world, webhook):
        world.core.webhooks.record(webhook, status_code=200, now=world.clock.now)
        world.trace.append(f"lost for good: {webhook.type}")
        return
    headers = webhook.headers(secret=world.core.webhook_secret, now=world.clock.now)
    ended = world.start(f"webhook {webhook.type}", rng, lambda: world.post_webhook(webhook.body, headers))
    world.core.webhooks.record(webhook, status_code=ended.value, now=world.clock.now)


def _can_be_asked_for(world: World, webhook: OutgoingWebhook) -> bool:
    """Whether reconciliation finds it out without it: how our charges ended, and our refunds."""
    about = json.loads(webhook.body)["data"]
    if webhook.type == "refund.succeeded":
        return bool(about["reference"])
    return webhook.type.startswith("charge.") and world.core.find_charge(about["charge"]).token not in ENDS_BY_WEBHOOK


def act_at_provider(world: World, rng: random.Random) -> None:
    """Its staff, the payers' banks and its own: whatever they can do to a charge."""
    core, now = world.core, world.clock.now
    charge = one(rng, core.charges())
    if charge is None:
        return
    disputes = core._store.all("SELECT id FROM disputes ORDER BY id")
    acts = ["settle", "settle", "decline", "refund", "refund_part", "dispute", "return", "pay_out"]
    act = rng.choice(acts + ["close"] * (8 if disputes else 0))
    if _is_for_a_person(world, charge, act):
        return
    try:
        match act:
            case "settle":
                core.settle_charge(charge.id, failure_code="", now=now)
            case "decline":
                core.settle_charge(charge.id, failure_code=rng.choice(["stolen_card", "try_again_later"]), now=now)
            case "refund":
                core.refund_at_dashboard(charge.id, amount=None, now=now)
            case "refund_part":
                core.refund_at_dashboard(charge.id, amount=rng.randint(1, charge.amount), now=now)
            case "dispute":
                core.open_dispute(charge.id, amount=rng.randint(1, charge.amount), now=now)
            case "close":
                dispute = rng.choice(disputes)["id"]
                core.close_dispute(dispute, outcome="won" if rng.random() < 0.5 else "lost", now=now)
            case "return":
                for refunded in core.refunds():
                    if refunded.charge == charge.id and rng.random() < 0.5:
                        core.settle_refund(refunded.id, failure_code="account_closed", now=now)
            case "pay_out":
                core.pay_out(currency=charge.currency, amount=None, now=now)
    except Refused as refusal:
        act += f" refused: {refusal.code}"
    world.trace.append(f"{'  ' * world.processes.depth}provider: {act}")


def _is_for_a_person(world: World, charge: Charge, act: str) -> bool:
    """Whether a refund of its dashboard may be told of after one of ours came back: it spans receipts then, ADR 15."""
    refunds = [refund for refund in world.core.refunds() if refund.charge == charge.id]
    if act.startswith("refund"):
        return charge.token == "tok_refund_fails" or any(refund.status == "failed" for refund in refunds)
    known = {refund.provider_reference for refund in REFUNDS.all()}
    return act == "return" and any(not refund.reference and refund.id not in known for refund in refunds)


def let_a_request_arrive(world: World, rng: random.Random) -> None:
    """Late, at the provider."""
    if wire.delayed:
        wire.arrive(rng.randrange(len(wire.delayed)))
        world.trace.append(f"{'  ' * world.processes.depth}a delayed request arrives")


def wait_a_moment(world: World, rng: random.Random) -> None:
    _wait(world, rng.choice([0.1, 1, 6, 31]))


def wait_long(world: World, rng: random.Random) -> None:
    _wait(world, rng.choice(world.weather.long_waits))


def _wait(world: World, seconds: float) -> None:
    world.clock.pass_by(seconds)
    world.trace.append(f"{'  ' * world.processes.depth}{seconds} s go by")


def go_on(world: World, rng: random.Random) -> None:
    """For a minute everybody does what there is to do: what takes many moves where nobody waits for the others."""
    for _ in range(2):
        for _ in range(len(world.broker.messages)):
            work(world, rng)
        for _ in range(3):
            deliver(world, rng)
        relay(world, rng)
        renew(world, rng)
        wait_a_moment(world, rng)


MOVES: dict[Move, int] = {
    issue_invoice: 5,
    give_credit: 2,
    take_back: 1,
    pay_order: 3,
    pay_invoice: 7,
    void: 2,
    cancel: 3,
    refund: 6,
    repeat: 4,
    settle_by_hand: 3,
    resolve: 5,
    dispose: 6,
    ask_provider_now: 2,
    replay_any: 1,
    requeue: 2,
    work: 22,
    tick: 8,
    relay: 4,
    trouble_subscriber: 3,
    deliver: 18,
    act_at_provider: 6,
    let_a_request_arrive: 3,
    wait_a_moment: 4,
    wait_long: 2,
}
"""How often each is made, relative to the others."""
WITH_SUBSCRIBERS: dict[Move, int] = MOVES | {
    issue_invoice: 1,
    take_back: 1,
    pay_order: 1,
    pay_invoice: 4,
    go_on: 12,
    offer_plan: 3,
    subscribe: 6,
    start_trial: 3,
    change_plan: 6,
    change_payment_method: 3,
    pay_subscription: 5,
    cancel_subscription: 3,
    reactivate: 2,
    use: 8,
    attach_method: 3,
    change_default: 3,
    take_up: 2,
    renew: 10,
    relay: 6,
    wait_for_a_period: 9,
}
"""Where anybody subscribes to anything."""
MEANWHILE = {move: weight for move, weight in MOVES.items() if move is not wait_long}
"""What comes in between the steps of a process: nobody hangs for hours."""
NOT_MEANWHILE = (wait_long, wait_for_a_period, go_on)
MEANWHILE_WITH_SUBSCRIBERS = {
    move: weight for move, weight in WITH_SUBSCRIBERS.items() if move not in NOT_MEANWHILE
} | {renew: 30, take_up: 10}
"""The same, where the beat's processes often get in each other's way."""


def make_any(world: World, rng: random.Random) -> Move:
    """One of the moves of this world; whether it found anything to do, its trace tells."""
    return _make(WITH_SUBSCRIBERS if world.weather.has_subscribers else MOVES, world, rng)


def make_meanwhile(world: World, rng: random.Random) -> Move:
    """What comes in between the steps of a process."""
    return _make(MEANWHILE_WITH_SUBSCRIBERS if world.weather.has_subscribers else MEANWHILE, world, rng)


def _make(moves: dict[Move, int], world: World, rng: random.Random) -> Move:
    move = rng.choices(list(moves), weights=list(moves.values()))[0]
    move(world, rng)
    return move
