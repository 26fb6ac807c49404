"""Two workers renew the same subscriptions; one dies, at a step of a renewal or at any moment. Each period is there."""

import contextlib
import datetime
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from billing import services
from billing.models import Subscription, SubscriptionInvoice
from billing.states import SubscriptionStatus
from billing.tests.factories import live_payments, make_plan, make_subscription
from config.kernel import clock, correlation
from config.test_clock.services import advance
from config.tests.servers import database_url
from invoices.models import Invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.tests.factories import captured, tell_payment
from tests.architecture.source import ROOT
from tests.crashes import steps
from tests.invariants import check_invariants
from tests.stoppable import StoppableServer

SUBSCRIPTIONS = 60
DAY = datetime.timedelta(days=1)
DAYS_EACH = 3
"""How many periods of each begin before somebody dies."""
SEES_THE_CLOCK_MOVE_SECONDS = 1
IN_GOOD_TIME_SECONDS = 120
STEPS = [f"billing.renewing.take_step:{moment}" for moment in ("begin", "before", "after")]
"""Around the COMMIT of a renewal, and before its first statement."""
AT_ANY_MOMENT = ""


class Worker(StoppableServer):
    """At work when `start` returns; dies by itself at `crash_at`, if that is given."""

    def __init__(self, folder: Path, name: str, *, crash_at: str = AT_ANY_MOMENT) -> None:
        folder.mkdir(exist_ok=True)
        self._said, self._died = folder / f"{name}.log", folder / f"{name}.died"
        variables = {
            "DJANGO_SETTINGS_MODULE": "tests.crashes.settings",
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url(),
            "REDIS_URL": str(settings.CELERY_BROKER_URL),
            "SUBSCRIBER_FILE": os.devnull,
            steps.CRASH_AT: crash_at,
            steps.CRASH_TOLD_IN: str(self._died),
        }
        command = ["env", *(f"{name}={value}" for name, value in variables.items())]
        command += [sys.executable, "-m", "tests.crashes.renewer"]
        super().__init__(command, log=self._said, ready=lambda: "renewing" in self.said)

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    @property
    def has_come_to_its_step(self) -> bool:
        """The line there is written just before it dies."""
        return self._died.exists()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param([*STEPS, AT_ANY_MOMENT], id="a-handful"),
        pytest.param([*STEPS * 2, *[AT_ANY_MOMENT] * 20], id="26", marks=pytest.mark.long),
    ],
)
def test_whoever_of_two_renewing_workers_dies_each_period_is_billed_once(
    transactional_db: None, tmp_path: Path, deaths: list[str]
) -> None:
    """Sixty subscriptions, three periods of each per death: none is missing, none twice, each has one payment."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    chance.shuffle(deaths)
    with correlation.bind("req_before"):
        subscriptions = _active_subscriptions()
    with _worker(tmp_path, "survivor"):
        for number, death in enumerate(deaths):
            crash_at = death and f"{death}:{chance.randint(1, 20)}"
            with _worker(tmp_path, f"victim-{number}", crash_at=crash_at) as victim:
                advance(by=DAYS_EACH * DAY)
                _let_die(victim, death, chance, told=f"seed {seed}")
    services.renew_due()
    _assert_each_period_is_there_once(subscriptions)


def _active_subscriptions() -> list[Subscription]:
    plan = make_plan(cycle="day")
    made = [make_subscription(plan) for _ in range(SUBSCRIPTIONS)]
    for subscription in made:
        for payment in live_payments(subscription):
            tell_payment(payment, captured(payment))
    outbox.drain()
    assert set(Subscription.objects.values_list("status", flat=True)) == {SubscriptionStatus.ACTIVE}
    return made


@contextlib.contextmanager
def _worker(folder: Path, name: str, *, crash_at: str = AT_ANY_MOMENT) -> Iterator[Worker]:
    worker = Worker(folder / "workers", name, crash_at=crash_at)
    with worker.running():
        yield worker


def _let_die(victim: Worker, death: str, chance: random.Random, *, told: str) -> None:
    """At its step, if it has one, once it has come to it; else while it is at work, as a rule."""
    if death == AT_ANY_MOMENT:
        time.sleep(SEES_THE_CLOCK_MOVE_SECONDS + chance.random())
        return
    deadline = time.monotonic() + IN_GOOD_TIME_SECONDS
    while not victim.has_come_to_its_step:
        assert time.monotonic() < deadline, f"it never came to {death}, {told}\n{victim.said}"
        if not Subscription.objects.due(clock.now()).exists():
            advance(by=DAY)
        time.sleep(0.1)


def _assert_each_period_is_there_once(subscriptions: list[Subscription]) -> None:
    now = clock.now()
    begun = {subscription.id: (now - subscription.anchored_at) // DAY + 1 for subscription in subscriptions}
    for subscription in subscriptions:
        periods = begun[subscription.id]
        billed = SubscriptionInvoice.objects.filter(subscription=subscription).order_by("period")
        assert list(billed.values_list("period", flat=True)) == list(range(1, periods + 1))
        renewed = OutboxEvent.objects.filter(aggregate_id=subscription.id, type="subscription.renewed")
        assert renewed.count() == periods - 1
    assert Invoice.objects.count() == Payment.objects.count() == sum(begun.values())
    check_invariants()
    call_command("verify_books")
