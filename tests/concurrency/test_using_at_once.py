"""Limits are exact however many use at once, and what is used is counted in one period: on MariaDB."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from subprocess import PIPE
from typing import Any

import pytest
from django.db import connection, connections

from billing import services
from billing.models import Subscription, UsageCounter, UsageRecord
from billing.services.canceling import When
from billing.tests.factories import go_to, invoices_of, make_active, renew
from billing.tests.usage import metered, told, use, used_of
from config.tests.servers import database_url
from invoices.models import InvoiceLine
from invoices.tests.factories import MERCHANT_KEY
from payments.tests.conftest import invariants_hold, movable_clock
from payments.tests.factories import make_key
from tests.architecture.source import ROOT
from tests.concurrency.threads import all_at_once
from tests.concurrency.trying import attempt, sum_of, tries

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("movable_clock", "invariants_hold"),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has one writer at a time"),
]
__all__ = ["invariants_hold", "movable_clock"]
EVERY_CALL_COSTS = {"limit": 0, "overage": {"unit_amount": 1}}


def in_processes(subscription: Subscription, *, processes: int, threads: int, times: int) -> list[Counter[str]]:
    """What each was told; they begin together."""
    command = [sys.executable, "-m", "tests.concurrency.user", subscription.id, str(threads), str(times)]
    environment = os.environ | {"DATABASE_URL": database_url()}
    start = partial(subprocess.Popen, command, cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE, text=True, bufsize=1)
    with contextlib.ExitStack() as running:
        users = [running.enter_context(start()) for _ in range(processes)]
        assert [line_of(user) for user in users] == ["ready\n"] * processes
        for user in users:
            assert user.stdin is not None
            user.stdin.write("go\n")
        return [Counter(json.loads(line_of(user))) for user in users]


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return str(process.stdout.readline())


def assert_exactly_1000(subscription: Subscription, found: list[Counter[str]]) -> None:
    """Each by a number of its own, from the first, for which the counter is made; each threshold is told once."""
    said = sum_of(found)
    assert said.pop("UsageLimitExceeded") == 200
    assert said == Counter(map(str, range(1, 1001)))
    assert used_of(subscription) == {1: 1000}
    assert UsageRecord.objects.count() == 1000
    assert told(subscription) == [(80, 1000, 800), (100, 1000, 1000)]


def test_of_1200_tries_by_50_threads_at_a_limit_of_1000_exactly_1000_are_counted() -> None:
    """Each thread with a connection of its own."""
    subscription = make_active(metered(1000))
    assert_exactly_1000(subscription, all_at_once([partial(tries, subscription, 24)] * 50))


def test_of_1200_tries_by_four_processes_at_a_limit_of_1000_exactly_1000_are_counted() -> None:
    """Of ten threads each."""
    subscription = make_active(metered(1000))
    assert_exactly_1000(subscription, in_processes(subscription, processes=4, threads=10, times=30))


@pytest.mark.parametrize("limit", [5, 10, 1000])
def test_duplicates_in_flight_count_once(limit: int) -> None:
    """Ten keys five times each, also when there is room for half of them: one answer for a key, one use of it."""
    subscription = make_active(metered(limit))
    keys = [make_key(operation="usage.use") for _ in range(10)]
    answers = all_at_once([partial(attempt, subscription, key) for key in keys for _ in range(5)])
    by_key = [set(answers[at : at + 5]) for at in range(0, 50, 5)]
    assert [len(each) for each in by_key] == [1] * 10
    counted = sorted(int(each) for each in set(answers) - {"UsageLimitExceeded"})
    assert counted == [*range(1, min(limit, 10) + 1)]
    assert used_of(subscription) == {1: min(limit, 10)}


def overage_of(subscription: Subscription) -> list[int]:
    """What was billed of calls, oldest first."""
    lines = InvoiceLine.objects.filter(invoice__in=invoices_of(subscription), description__startswith="api_calls")
    return list(lines.order_by("invoice", "position").values_list("quantity", flat=True))


@contextlib.contextmanager
def used_all_the_time(subscription: Subscription, threads: int = 6) -> Iterator[list[str]]:
    """By so many threads while the block runs; what they were told."""
    said: list[str] = []
    over = threading.Event()

    def go_on() -> None:
        try:
            while not over.is_set():
                said.append(attempt(subscription))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(go_on) for _ in range(threads)]
        try:
            yield said
        finally:
            over.set()
        for each in running:
            each.result()


def test_renewals_bill_all_that_was_used_and_nothing_twice() -> None:
    """Five periods end under load: what was counted is what the periods have, and what each has was billed with it."""
    subscription = make_active(metered(EVERY_CALL_COSTS, cycle="day"))
    with used_all_the_time(subscription) as said:
        for _ in range(5):
            wait_for(said, len(said) + 30)
            go_to(Subscription.objects.get(id=subscription.id).period_ends_at)
            wait_for(said, len(said) + 30)
            renew()
        wait_for(said, len(said) + 30)
    used = used_of(subscription)
    assert "NoSubscription" not in said
    assert sum(used.values()) == len(said) == UsageRecord.objects.count()
    assert overage_of(subscription) == [used[period] for period in sorted(used)[:-1]]
    assert len(used) == 6


def test_changes_that_close_a_period_bill_all_that_was_used_and_nothing_twice() -> None:
    """Plans of another cycle begin a period now, under load; in the end it is canceled."""
    subscription = make_active(metered(EVERY_CALL_COSTS))
    plans = [metered(EVERY_CALL_COSTS, amount=1000, cycle=cycle) for cycle in ("week", "month", "quarter", "year")]
    with used_all_the_time(subscription) as said:
        for plan in plans:
            wait_for(said, len(said) + 30)
            services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=plan.id, when=When.NOW)
        wait_for(said, len(said) + 30)
        services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
        wait_for(said, len(said) + 30)
    used = used_of(subscription)
    assert sum(used.values()) == UsageRecord.objects.count() == len(said) - said.count("NoSubscription")
    assert overage_of(subscription) == [used[period] for period in sorted(used)]
    assert not UsageCounter.objects.filter(closed_at=None).exists()


def wait_for(said: list[str], number: int) -> None:
    pause = threading.Event()
    while len(said) < number:
        pause.wait(0.01)


class Pause:
    """Stops whoever comes to a statement that has `text` in it, once, just before it or just after it."""

    def __init__(self, text: str, *, before: bool = False) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._text, self._before = text, before

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        is_here = self._text in sql and not self.reached.is_set()
        if is_here and self._before:
            self._wait()
        answer = execute(sql, params, many, context)
        if is_here and not self._before:
            self._wait()
        return answer

    def _wait(self) -> None:
        self.reached.set()
        assert self.go_on.wait(30)


@contextlib.contextmanager
def stopped(act: Callable[[], Any], at: Pause) -> Iterator[Callable[[], Any]]:
    """The block runs while `act` stands at the pause; what is yielded lets it go on, and answers what it answers."""

    def run() -> Any:
        try:
            with connection.execute_wrapper(at):
                return act()
        finally:
            connections.close_all()

    def finish() -> Any:
        at.go_on.set()
        return running.result(30)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        assert at.reached.wait(30)
        try:
            yield finish
        finally:
            at.go_on.set()


CLOSING = "`closed_at` ="
RAISING = "SET used ="


def change_cycle(subscription: Subscription) -> Callable[[], object]:
    plan = metered(EVERY_CALL_COSTS, amount=9000, cycle="year")
    return partial(
        services.change_plan, actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=plan.id, when=When.NOW
    )


def test_who_comes_while_a_period_is_being_closed_waits_and_counts_in_the_next() -> None:
    """Its counter is closed and not yet committed."""
    subscription = make_active(metered(EVERY_CALL_COSTS))
    use(subscription, 3)
    with stopped(change_cycle(subscription), Pause(CLOSING)) as finish, ThreadPoolExecutor(1) as pool:
        late = pool.submit(closing_connections, partial(use, subscription))
        assert not threading.Event().wait(0.3)
        assert not late.done()
        finish()
        assert late.result(30).counter.period == 2
    assert used_of(subscription) == {1: 3, 2: 1}
    assert overage_of(subscription) == [3]


def closing_connections(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connections.close_all()


def test_who_closes_a_period_waits_for_a_use_that_has_begun_and_bills_it() -> None:
    """The counter is raised and not yet committed."""
    subscription = make_active(metered(EVERY_CALL_COSTS))
    use(subscription, 3)
    with stopped(partial(use, subscription), Pause(RAISING)) as finish, ThreadPoolExecutor(1) as pool:
        closing = pool.submit(closing_connections, change_cycle(subscription))
        assert not threading.Event().wait(0.3)
        assert not closing.done()
        assert finish().counter.period == 1
        closing.result(30)
    assert used_of(subscription) == {1: 4}
    assert overage_of(subscription) == [4]


def test_a_limit_that_is_changed_meanwhile_is_the_one_that_counts() -> None:
    """Between looking for the subscription and raising the counter."""
    subscription = make_active(metered(10))
    use(subscription, 4)
    smaller = metered(5, amount=2000)
    with stopped(partial(attempt, subscription), Pause(RAISING, before=True)) as finish:
        services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.id, plan_id=smaller.id)
        use(subscription)
        assert finish() == "UsageLimitExceeded"
    assert used_of(subscription) == {1: 5}


def test_a_first_use_does_not_open_a_counter_of_a_period_that_is_over() -> None:
    """It was looked for in the period before."""
    subscription = make_active(metered(10, cycle="week"))
    with stopped(partial(use, subscription), Pause(RAISING, before=True)) as finish:
        change_cycle(subscription)()
        assert finish().counter.period == 2
    assert used_of(subscription) == {2: 1}


def test_what_was_canceled_meanwhile_is_not_used() -> None:
    """Nothing is counted after the last invoice."""
    subscription = make_active(metered(EVERY_CALL_COSTS))
    use(subscription)
    with stopped(partial(attempt, subscription), Pause(RAISING, before=True)) as finish:
        services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.id)
        assert finish() == "NoSubscription"
    assert used_of(subscription) == {1: 1}
    assert overage_of(subscription) == [1]
