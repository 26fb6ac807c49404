"""Relay tasks take turns."""

import threading
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from pytest_django.fixtures import Settings

from outbox import services, tasks
from outbox.management.commands import relay_outbox
from outbox.services import nudging, turns
from outbox.services.numbering import Beside
from outbox.tests.support import Wire, aggregate, record
from tests.faults import CONNECTION_LOST

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_relays() -> None:
    cache.delete(turns.TURN_KEY)


def test_a_task_leaves_at_once_while_another_relays() -> None:
    """The worker's slot is free for payments; whoever comes after the turn relays what is there."""
    record(aggregate(), 3)
    with turns.turn() as is_ours:
        assert is_ours
        assert tasks.relay() is False
        assert Wire.sent == []
    assert tasks.relay() is True
    assert len(Wire.sent) >= 3


def test_a_turn_ends_also_when_its_run_fails() -> None:
    """An error in one run does not stop the next."""
    with pytest.raises(KeyError), turns.turn():
        raise KeyError
    with turns.turn() as is_ours:
        assert is_ours


def test_a_turn_whose_worker_died_runs_out() -> None:
    """Killed, it keeps everybody away for a run and a second."""
    assert turns._take(turns.TURN_KEY, "first", 0)
    assert not turns._take(turns.TURN_KEY, "second", 0)
    time.sleep(1.1)
    assert turns._take(turns.TURN_KEY, "third", 0)


def test_without_a_cache_everybody_relays(settings: Settings) -> None:
    """The turn is a courtesy; the leases keep two relays apart."""
    backend = "config.redis_cache.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}
    record(aggregate())
    with turns.turn() as first, turns.turn() as second:
        assert first
        assert second
    assert tasks.relay() is True


def test_a_task_that_ends_leaves_the_turn_that_a_process_took_meanwhile() -> None:
    """Else each task would let the next one in beside the process."""
    record(aggregate())
    with turns.turn() as is_ours:
        assert is_ours
        turns.take_for_process()
    assert tasks.relay() is False


def test_a_task_that_leaves_asks_for_no_further_nudges() -> None:
    """Under load each commit would send another message for nothing."""
    cache.set(nudging.WINDOW_KEY, 1)
    turns.take_for_process()
    assert tasks.relay() is False
    assert cache.get(nudging.WINDOW_KEY) == 1


def test_tasks_leave_while_a_process_relays() -> None:
    """`relay_outbox` takes the turn at each pass, from whoever has it."""
    record(aggregate())
    turns.take_for_process()
    assert tasks.relay() is False
    assert Wire.sent == []
    cache.touch(turns.TURN_KEY, 0)
    assert tasks.relay() is True


def test_a_relay_rests_while_it_keeps_up_and_not_while_it_is_behind() -> None:
    """The rest gathers a batch; with a full batch there is one already."""
    assert services.rest_after(services.Progress(delivered=1), pass_seconds=0.01) == pytest.approx(0.005)
    assert services.rest_after(services.Progress(delivered=1), pass_seconds=9) == 1
    assert services.rest_after(services.Progress(delivered=500, full_batches=1), pass_seconds=0.01) == 0


def test_a_pass_says_when_it_left_a_backlog() -> None:
    """A full batch of the sequencer or of a subscriber."""
    record(aggregate(), 7)
    assert services.relay_once(batch_size=5).full_batches >= 1
    services.drain()
    record(aggregate(), 2)
    assert services.relay_once(batch_size=5).full_batches == 0


@pytest.mark.parametrize(("only", "takes"), [(None, True), (["wire"], False)])
def test_relay_outbox_takes_its_turn_only_after_a_pass_that_got_through(only: list[str] | None, takes: bool) -> None:
    """One that cannot reach the database leaves the turn to the tasks, and so does one that serves some only."""
    options = {"batch_size": None, "subscriber": only}

    def fail(*_: Any) -> None:
        raise OperationalError(*CONNECTION_LOST)

    with connection.execute_wrapper(fail):
        relay_outbox.Command()._pass(threading.Event(), options, {}, Beside())
    assert cache.get(turns.TURN_KEY) is None
    relay_outbox.Command()._pass(threading.Event(), options, {}, Beside())
    assert (cache.get(turns.TURN_KEY) is not None) == takes
