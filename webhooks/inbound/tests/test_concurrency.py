"""What meets at the same moment, on a database that locks rows; copies of one event: tests/inbound_orders."""

import functools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from payments.models import Receipt
from payments.tests.factories import make_payment
from tests.concurrency.threads import all_at_once
from webhooks.inbound import services
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import answer_to, event, event_about, send

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection"),
]
COPIES = 8


def test_copies_of_garbage_at_the_same_moment_are_one_row() -> None:
    """The digest is an identity like any other."""
    answers = Counter(all_at_once([functools.partial(answer_to, b"garbage")] * COPIES))
    assert answers == {"dead": 1, "duplicate": COPIES - 1}


def test_different_events_of_one_payment_at_the_same_moment_are_all_stored() -> None:
    """Each takes its turn under the invoice's lock; the money is booked once."""
    payment = make_payment()
    bodies = [event_about(payment) for _ in range(COPIES)]
    answers = Counter(all_at_once([functools.partial(answer_to, body) for body in bodies]))
    assert answers == {"processed": 1, "ignored": COPIES - 1}
    assert ProviderEvent.objects.count() == COPIES
    assert Receipt.objects.count() == 1


def test_sweeps_at_the_same_moment_share_the_work() -> None:
    """Each due event is taken up by one of them."""
    with raising_at("payments_receipt", RuntimeError("a bug")):
        for _ in range(10):
            send(event_about(make_payment()))
    ProviderEvent.objects.update(available_at="2020-01-01T00:00:00Z")
    taken = all_at_once([services.sweep] * 4)
    assert sum(taken) == 10
    assert set(ProviderEvent.objects.values_list("status", "attempts")) == {("processed", 2)}
    assert Receipt.objects.count() == 10


def test_unrelated_events_do_not_wait_for_each_other() -> None:
    """A webhook that is being applied holds up nobody else."""
    inserted, finish = threading.Event(), threading.Event()

    def slow() -> str:
        def hold(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            result = execute(sql, params, many, context)
            if "INSERT INTO `inbound_providerevent`" in sql:
                inserted.set()
                finish.wait(10)
            return result

        with connection.execute_wrapper(hold):
            return answer_to(event(id="evt_slow"))

    def quick() -> str:
        inserted.wait(10)
        try:
            return answer_to(event(id="evt_slow_no"))
        finally:
            finish.set()

    assert all_at_once([slow, quick]) == ["ignored", "ignored"]
