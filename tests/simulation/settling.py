"""The end of a world: nothing goes wrong any more, people do what waits for them, time goes on until all is done."""

from __future__ import annotations

import datetime
import random
from typing import Any

from django.conf import settings
from django.db import connection

from config.celery import app
from payments import services
from payments.states import REFUND_LIVE, PaymentStatus
from tests.simulation.moves import deliver, work
from tests.simulation.network import wire
from tests.simulation.people import GIVEN_UP, PAYMENTS, REFUNDS, replay, requeue
from tests.simulation.virtual import EPOCH
from tests.simulation.world import QUIET, Request, World
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.states import ProviderEventStatus

LONGEST_SECONDS = 140 * 86_400
"""Four attempts, each of them asked about for five days and more, with the provider's own time between them; a quarter
that ends before."""
SWEEPS = {
    "payments.sweep": ("payments_payment", "available_at"),
    "payments.sweep_refunds": ("payments_refund", "available_at"),
    "payments.retry_due": ("invoices_invoice", "next_attempt_at"),
    "webhooks.inbound.sweep": ("inbound_providerevent", "available_at"),
    "billing.renew_due": ("billing_subscription", "due_at"),
}
"""Which of the beat's tasks finds its work where."""
ARE_DUE = "SELECT " + ", ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE {column} <= %(now)s)" for table, column in SWEEPS.values()
)
UNDECIDED = (
    "SELECT due_at FROM billing_subscription s WHERE (status IN ('pending', 'past_due')"
    " OR status = 'trialing' AND period = 0 OR cancels_at_period_end) AND NOT EXISTS ("
    "SELECT 1 FROM billing_subscriptioninvoice b JOIN invoices_invoice i ON i.id = b.invoice_id"
    " WHERE b.subscription_id = s.id AND i.status = 'processing')"
)
"""Subscriptions with something ahead of them; one that is paid for would go on for ever, one under review waits."""
_WORK = " UNION ALL ".join(
    f"SELECT {column} AS at FROM {table}" for table, column in SWEEPS.values() if table != "billing_subscription"
)
NEXT_DUE = (
    f"SELECT MIN(at) FROM ({_WORK} UNION ALL {UNDECIDED}"
    " UNION ALL SELECT available_at FROM outbox_heldevent WHERE status = 'held'"
    " UNION ALL SELECT available_at FROM outbox_cursor UNION ALL SELECT lease_expires_at FROM outbox_cursor)"
    " WHERE at > %(now)s"
)

IS_BEHIND = (
    "SELECT EXISTS (SELECT 1 FROM outbox_outboxevent WHERE position IS NULL)"
    " OR EXISTS (SELECT 1 FROM outbox_heldevent WHERE status = 'held')"
    " OR EXISTS (SELECT 1 FROM outbox_cursor c JOIN outbox_cursor head"
    " ON head.subscriber = 'sequencer' AND head.shard = c.shard AND c.position < head.position)"
)


def settle(world: World) -> None:
    """Returns when nothing is left to do, or when it has taken longer than anything may: somebody looks then."""
    rng = random.Random(0)
    world.is_calm = world.broker.is_reliable = True
    world.core.dials = QUIET
    world.far_end.is_down = False
    while wire.delayed:
        wire.arrive(0)
    for request in world.requests:
        if request.status is None:
            world.ask(rng, request)
    latest = world.clock.now + LONGEST_SECONDS
    while world.clock.now < latest:
        _settle_at_provider(world)
        _work_off(world, rng)
        if not (_ask_people(world, rng) or _pass_to_what_is_due(world)):
            break


def _settle_at_provider(world: World) -> None:
    """What its staff was to decide."""
    for charge in world.core.charges():
        if charge.status == "pending" and charge.settles_at is None:
            world.core.settle_charge(charge.id, failure_code="", now=world.clock.now)
    for refund in world.core.refunds():
        if refund.status == "pending" and refund.settles_at is None:
            world.core.settle_refund(refund.id, failure_code="", now=world.clock.now)


def _work_off(world: World, rng: random.Random, *, without: str = "") -> None:
    """Everybody does what there is to do now, but one task; one relay does what all the nudges of it ask for."""
    busy = True
    while busy:
        busy = False
        world.broker.messages = [message for message in world.broker.messages if message.task != "outbox.relay"]
        while world.broker.messages:
            work(world, rng)
            busy = True
        while _webhook_is_due(world):
            deliver(world, rng)
            busy = True
        for task, is_due in zip(SWEEPS, _row(ARE_DUE, now=_stored(world.clock.now)), strict=True):
            busy |= bool(is_due and task != without and _run(world, rng, task))
        if _row(IS_BEHIND)[0]:
            busy |= bool(_run(world, rng, "outbox.relay"))


def _run(world: World, rng: random.Random, task: str) -> object:
    """Each a little later: SQLite's clock, to the millisecond, has a moment come when it is over."""
    world.clock.pass_by(0.002)
    return world.start(f"beat {task}", rng, lambda: app.tasks[task]()).value


def _row(sql: str, **parameters: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()[0]


def _stored(at: float) -> str:
    """As the columns have it."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _webhook_is_due(world: World) -> bool:
    world.core.advance(now=world.clock.now)
    due_at = world.core.webhooks.next_due_at()
    return due_at is not None and due_at <= world.clock.now


def _ask_people(world: World, rng: random.Random) -> bool:
    """Whether anything waited for a person: a transfer, a refund nobody knows of, what a subscriber could not take."""
    asked = []
    for payment in PAYMENTS.all():
        if payment.provider == "manual" and payment.status == PaymentStatus.PROCESSING:
            asked.append(Request(f"payments/{payment.id}/confirm", {}, ""))
    for refund in REFUNDS.all():
        if refund.status not in REFUND_LIVE or refund.available_at is not None:
            continue
        there = world.core.refunds(reference=refund.id)
        done = refund.provider == "manual" or any(each.status == "succeeded" for each in there)
        asked.append(Request(f"refunds/{refund.id}/{'confirm' if done else 'fail'}", {}, ""))
    for request in asked:
        world.ask(rng, request)
    held = GIVEN_UP.all()
    requeue(world, rng)
    return bool(held or asked)


def _pass_to_what_is_due(world: World) -> bool:
    """Whether there is anything to wait for."""
    [found] = _row(NEXT_DUE, now=_stored(world.clock.now))
    due = [found and datetime.datetime.fromisoformat(f"{found}+00:00").timestamp()]
    due.append(world.core.webhooks.next_due_at())
    due += [charge.settles_at for charge in world.core.charges() if charge.status == "pending"]
    due += [refund.settles_at for refund in world.core.refunds() if refund.status == "pending"]
    later = [at for at in due if at and at > world.clock.now]
    if later:
        world.clock.pass_by(min(later) - world.clock.now + 0.001)
    return bool(later)


def compare_books(world: World) -> None:
    """The whole time, by the provider's books: what nobody has heard of is booked. Staff replays what fits only now.

    Nothing is renewed meanwhile: that would be charged after the books that are compared.
    """
    rng = random.Random(0)
    world.clock.pass_by(settings.SETTLEMENT_DELAY_SECONDS + 1)
    until = datetime.datetime.fromtimestamp(world.clock.now, datetime.UTC)
    since = datetime.datetime.fromtimestamp(EPOCH - 3600, datetime.UTC)
    world.start(
        "settlement",
        rng,
        lambda: services.reconcile_settlement(provider="simulated", since=since, until=until, tell=lambda _: None),
    )
    _work_off(world, rng, without="billing.renew_due")
    for event in ProviderEvent.objects.filter(status=ProviderEventStatus.DEAD):
        replay(world, rng, event)
    _work_off(world, rng, without="billing.renew_due")
