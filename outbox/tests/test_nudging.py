import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
import redis
from django.core.cache import cache, caches
from pytest_django.fixtures import Settings

from config import celery
from config.kernel import db
from invoices.models import Customer
from outbox import services, tasks
from outbox.services import nudging
from outbox.tests.support import ACTOR, Happened, Wire, aggregate, effects, record

pytestmark = pytest.mark.django_db(transaction=True)

MOST_SECONDS = 0.1 + 0.2
"""The promise of 100 ms, and what a busy machine adds to it: the transaction that is measured along."""


class Broker:
    """A Redis of this test alone, as broker and cache."""

    def __init__(self, port: int) -> None:
        self.port = port
        command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=port)
        _wait_for(self.client)

    @property
    def messages(self) -> int:
        return int(self.client.llen("outbox"))

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    running = Broker(_free_port())
    _use(f"redis://127.0.0.1:{running.port}/0", settings)
    celery.nudge("outbox.relay")
    running.client.delete("outbox")
    yield running
    running.process.kill()
    running.process.wait()
    running.client.close()


@pytest.fixture(autouse=True)
def ordinary_broker_afterwards() -> Iterator[None]:
    before = {name: getattr(celery.app.conf, name) for name in ("broker_url", "broker_transport_options")}
    yield
    caches["default"].close()
    _forget()
    celery.app.conf.update(before)


def test_many_commits_make_one_nudge_until_the_task_starts(broker: Broker) -> None:
    """The first commit of a window sends a message; the task closes the window."""
    customer = aggregate()
    for _ in range(5):
        record(customer, 3)
    assert broker.messages == 1
    tasks.relay()
    assert len(effects()) == 15
    record(customer)
    assert broker.messages == 2


def test_one_transaction_asks_once_however_much_it_records(broker: Broker, settings: Settings) -> None:
    """Its events share one callback, which runs after the commit."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    record(aggregate(), 5)
    assert broker.messages == 1


def test_a_rolled_back_transaction_nudges_nobody(broker: Broker) -> None:
    """Nothing was committed, so nothing is asked."""

    @db.transaction(idempotent=False)
    def use_case(customer: Customer) -> None:
        services.record(source=customer, event=Happened(number=1), actor=ACTOR)
        raise KeyError

    with pytest.raises(KeyError):
        use_case(aggregate())
    assert broker.messages == 0


def test_a_hanging_redis_costs_a_request_100_ms_once(broker: Broker) -> None:
    """Cache and broker hang: the first commit waits 100 ms at most, the next ones not at all, and nothing fails."""
    customer = aggregate()
    broker.hang()
    assert _seconds_of(customer) < MOST_SECONDS
    assert min(_seconds_of(customer) for _ in range(5)) < 0.05
    broker.wake()
    _close_breakers()
    assert _seconds_of(customer) < MOST_SECONDS
    assert broker.messages >= 1


def test_a_broker_that_hangs_behind_a_working_cache_costs_100_ms_once(broker: Broker, settings: Settings) -> None:
    """The nudge's own connection has its own timeouts, also when it is open already."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.OUTBOX_NUDGE_WINDOW_SECONDS = 0.001
    customer = aggregate()
    record(customer)
    assert broker.messages == 1
    broker.hang()
    time.sleep(0.01)
    assert _seconds_of(customer) < MOST_SECONDS
    assert celery.nudge_breaker.is_open
    assert min(_seconds_of(customer) for _ in range(5)) < 0.05
    _close_breakers()
    assert _seconds_of(customer) < MOST_SECONDS
    broker.wake()
    _close_breakers()
    record(customer)
    assert broker.client.ping()
    assert not celery.nudge_breaker.is_open


def test_a_closed_port_costs_nothing(settings: Settings) -> None:
    """A Redis that is gone refuses at once; the events are there for the beat."""
    _use(f"redis://127.0.0.1:{_free_port()}/0", settings)
    customer = aggregate()
    assert _seconds_of(customer) < MOST_SECONDS
    tasks.relay()
    assert len(effects()) == len(Wire.sent) == 1


def test_a_broker_that_accepts_and_says_nothing_costs_100_ms(settings: Settings) -> None:
    """A connection that never answers is given up in time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _use(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", settings)
        customer = aggregate()
        assert _seconds_of(customer) < MOST_SECONDS


def test_nudges_go_through_the_filesystem_broker(settings: Settings, tmp_path: pathlib.Path) -> None:
    """Without Redis the message is a file, and the window lives in this process."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path / "c")}
    _use("filesystem://", settings, options)
    cache.clear()
    customer = aggregate()
    record(customer)
    record(customer)
    assert len(list(tmp_path.glob("*.outbox.msg"))) == 1


def _seconds_of(customer: Customer) -> float:
    """How long one use case took, its nudge included."""
    started = time.monotonic()
    record(customer)
    return time.monotonic() - started


def _use(url: str, settings: Settings, options: dict[str, str] | None = None) -> None:
    _forget()
    celery.app.conf.update(broker_url=url, broker_transport_options=options or {})
    if url.startswith("redis:"):
        timeouts = {"socket_connect_timeout": 0.1, "socket_timeout": 0.1}
        redis_cache = "config.redis_cache.RedisCache"
        settings.CACHES = {"default": {"BACKEND": redis_cache, "LOCATION": url, "OPTIONS": timeouts}}
        settings.OUTBOX_NUDGE_WINDOW_SECONDS = 1


def _forget() -> None:
    celery._drop_nudge_producer()
    _close_breakers()


def _close_breakers() -> None:
    celery.nudge_breaker.reset()
    nudging._cache_breaker.reset()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(client: "redis.Redis") -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("redis-server did not start")
