"""The Celery app, and `nudge`: a message that only makes waiting work start sooner."""

import logging
import os
import signal
import threading
import time
from typing import Any

from celery import Celery, signals
from celery.beat import Service
from kombu import Producer, uuid
from kombu.transport import TRANSPORT_ALIASES

from config.kernel import correlation
from config.observability import counters, tasks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

TRANSPORT_ALIASES["embedded"] = "config.embedded.broker:Transport"

app = Celery("quittance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
tasks.connect()

logger = logging.getLogger(__name__)

NUDGE_TIMEOUT_SECONDS = 0.05
"""For connecting, and for each answer of the broker."""
NUDGE_EXPIRES_SECONDS = 60
"""An older message is worth nothing: a sweeper has found the work by then."""


class Breaker:
    """Open for a few seconds after each failure: what hangs is asked once in a while, not by every request."""

    def __init__(self, rest_seconds: float = 5.0) -> None:
        self._rest_seconds = rest_seconds
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    def trip(self) -> None:
        self._open_until = time.monotonic() + self._rest_seconds

    def reset(self) -> None:
        self._open_until = 0.0


nudge_breaker = Breaker()
_nudger = threading.local()


@signals.beat_init.connect
def _end_beat_between_ticks(sender: Service, **_: Any) -> None:
    """On TERM. Celery would raise SystemExit wherever beat is at that moment: clients of brokers make another error of
    it, and beat goes on with the schedule that it has just closed, to end with 1.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sender.stop())


def nudge(task: str, *args: Any) -> None:
    """Ask a worker to run `task` soon. Fails open within 100 ms: what is lost here the sweepers find in the database.

    It has a connection of its own per thread, with short timeouts and no retries: the workers' connections wait for
    messages and must not time out.
    """
    if nudge_breaker.is_open:
        counters.NUDGES_LOST.count(task)
        return
    try:
        _send(task, args)
    except Exception as error:
        nudge_breaker.trip()
        counters.NUDGES_LOST.count(task)
        _drop_nudge_producer()
        logger.warning("nudge %s lost, a sweep will find the work: %s", task, error)


def _send(task: str, args: tuple[Any, ...]) -> None:
    """What `app.send_task` sends, straight to the task's queue, at a third of its cost."""
    message = app.amqp.as_task_v2(
        uuid(), task, args, expires=NUDGE_EXPIRES_SECONDS, argsrepr=repr(args), kwargsrepr="{}"
    )
    _nudge_producer().publish(
        message.body,
        routing_key=task.partition(".")[0],
        headers=message.headers | {tasks.HEADER: correlation.current()},
        serializer="json",
        retry=False,
        **message.properties,
    )


def _nudge_producer() -> Producer:
    """This thread's producer; a forked child makes its own."""
    if getattr(_nudger, "pid", None) != os.getpid():
        options = {**app.conf.broker_transport_options, "max_retries": 0}
        if app.conf.broker_url.startswith(("redis:", "rediss:", "unix:")):
            options |= {"socket_connect_timeout": NUDGE_TIMEOUT_SECONDS, "socket_timeout": NUDGE_TIMEOUT_SECONDS}
        _nudger.connection = app.connection_for_write(transport_options=options, connect_timeout=NUDGE_TIMEOUT_SECONDS)
        _nudger.pid = os.getpid()
        channel = _nudger.connection.default_channel
        if hasattr(channel, "_create_client"):
            # Kombu would make a new redis client for every message.
            client = channel._create_client()
            channel._create_client = lambda asynchronous=False: client
        _nudger.producer = app.amqp.Producer(channel)
    producer: Producer = _nudger.producer
    return producer


def _drop_nudge_producer() -> None:
    if getattr(_nudger, "pid", None) == os.getpid():
        _nudger.pid = None
        _nudger.connection.release()
