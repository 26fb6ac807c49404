"""Relay tasks take turns."""

import time

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from outbox import tasks
from outbox.services import turns
from outbox.tests.support import Wire, aggregate, record

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


def test_a_turn_whose_worker_died_runs_out(settings: Settings) -> None:
    """Killed, it keeps everybody away no longer than its run and its leases would have lasted."""
    settings.OUTBOX_TASK_SECONDS, settings.OUTBOX_LEASE_SECONDS = 0, 1
    assert turns._take()
    assert not turns._take()
    time.sleep(1.1)
    assert turns._take()


def test_without_a_cache_everybody_relays(settings: Settings) -> None:
    """The turn is a courtesy; the leases keep two relays apart."""
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}
    record(aggregate())
    with turns.turn() as first, turns.turn() as second:
        assert first
        assert second
    assert tasks.relay() is True
