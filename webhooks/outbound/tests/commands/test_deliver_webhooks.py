"""`manage.py deliver_webhooks`: a process that sends what is due."""

import functools
import json
import signal
import threading

import pytest
from django.core.cache import cache
from django.core.management import CommandError
from django.db import OperationalError, connection
from standardwebhooks.webhooks import Webhook

from outbox.models import DatabaseNow
from outbox.tests.publishers.cutting import CuttingProxy
from tests import commands
from tests.faults import CONNECTION_LOST
from webhooks.outbound import services, tasks
from webhooks.outbound.management.commands.deliver_webhooks import one_pass
from webhooks.outbound.models import Attempt, Delivery
from webhooks.outbound.services import valid_secrets
from webhooks.outbound.tests.commands.conftest import Start, cut, through
from webhooks.outbound.tests.receivers import Received, Receiver, Say
from webhooks.outbound.tests.support import ACTOR, deliver, happen, make_endpoint, the_delivery

pytestmark = pytest.mark.django_db(transaction=True)

run = functools.partial(commands.run, "deliver_webhooks")


def test_once_sends_what_is_due_and_says_so(receiver: Receiver) -> None:
    """What waits for a paused endpoint is no work that is left."""
    make_endpoint(receiver.url)
    paused = make_endpoint()
    happen(2)
    services.pause(actor=ACTOR, endpoint_id=paused.id)
    code, out = run("--once", "--json")
    assert (code, json.loads(out)) == (0, {"did": {"tries": 2}, "left": {"due": 0, "later": 0, "kept": 2}})
    assert len(receiver.received) == 2
    assert run("--once") == (0, "0 tries; left: 0 due, 0 later, 2 kept\n")


def test_once_says_when_something_is_left_to_be_tried_later(receiver: Receiver) -> None:
    """Status 3, as of relay_outbox."""
    make_endpoint(receiver.url)
    happen()
    receiver.answer = lambda _: Say(503)
    assert run("--once") == (3, "1 tries; left: 0 due, 1 later, 0 kept\n")


def test_wrong_usage_and_an_unreachable_database_have_their_statuses() -> None:
    """2 and 4."""
    with pytest.raises(CommandError) as refused:
        run("--json")
    assert refused.value.returncode == 2

    with connection.execute_wrapper(gone):
        assert run("--once") == (4, "")


def gone(*_: object) -> None:
    raise OperationalError(*CONNECTION_LOST)


def test_who_cannot_reach_the_database_leaves_the_turn_to_others() -> None:
    """They may be able to."""
    cache.delete(tasks.TURN_KEY)
    courier = services.Courier()
    with connection.execute_wrapper(gone):
        rest_seconds = one_pass(courier, threading.Event())
    courier.close()
    assert rest_seconds >= 1
    assert cache.get(tasks.TURN_KEY) is None


def test_scar_term_lets_what_is_under_way_end(receiver: Receiver, start: Start) -> None:
    """The tries under way are recorded, what was claimed besides is anybody's at once, and it ends with 0.

    It has had the turn meanwhile, long as its pass is.
    """
    make_endpoint(receiver.url)
    happen(5)
    arrived, may_answer = threading.Semaphore(0), threading.Event()
    receiver.answer = functools.partial(_hold, arrived, may_answer)
    running = start("deliver_webhooks")
    running.until(lambda: arrived.acquire(blocking=False))
    running.until(lambda: cache.get(tasks.TURN_KEY) == "process")
    running.process.send_signal(signal.SIGTERM)
    running.until(lambda: Delivery.objects.filter(claimed_until=None).exists())
    may_answer.set()
    assert running.process.wait(20) == 0
    sent = len(receiver.received)
    assert 1 <= sent < 5
    assert Attempt.objects.count() == Delivery.objects.filter(status="delivered").count() == sent
    assert not Delivery.objects.exclude(claimed_until=None).exists()


def _hold(arrived: threading.Semaphore, may_answer: threading.Event, _: Received) -> Say:
    arrived.release()
    may_answer.wait(30)
    return Say()


def test_scar_what_a_killed_sender_had_claimed_is_sent_by_another(receiver: Receiver, start: Start) -> None:
    """Once the claim's time is up, and not before; the receiver knows it by its id."""
    endpoint = make_endpoint(receiver.url)
    happen()
    arrived, may_answer = threading.Semaphore(0), threading.Event()
    receiver.answer = functools.partial(_hold, arrived, may_answer)
    running = start("deliver_webhooks")
    running.until(lambda: arrived.acquire(blocking=False))
    running.process.kill()
    may_answer.set()
    receiver.answer = lambda _: Say()
    assert deliver() == 0
    assert the_delivery().claimed_until is not None
    Delivery.objects.filter(claimed_until__gt=DatabaseNow()).update(claimed_until=DatabaseNow())
    assert deliver() == 1
    first, second = receiver.received
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    for each in (first, second):
        Webhook(valid_secrets(endpoint)[0]).verify(each.body, each.headers)
    assert the_delivery().status == "delivered"
    assert Attempt.objects.count() == 1


def test_a_database_that_goes_away_is_waited_for(receiver: Receiver, start: Start, line: CuttingProxy) -> None:
    """It says so, goes on by itself, has the turn while it does, and INT ends it."""
    make_endpoint(receiver.url)
    happen()
    running = start("deliver_webhooks", database=through(line))
    running.until(lambda: the_delivery().status == "delivered")
    running.until(lambda: cache.get(tasks.TURN_KEY) == "process")
    happen()
    assert tasks.deliver() == 0
    running.until(lambda: Delivery.objects.filter(status="delivered").count() == 2)
    with cut(line):
        running.until(lambda: "trying again" in running.said)
        happen()
    running.until(lambda: Delivery.objects.filter(status="delivered").count() == 3)
    assert running.end(signal.SIGINT) == 0
    assert "1 tries in" in running.said
