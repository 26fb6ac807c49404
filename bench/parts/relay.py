"""Events per second from a backlog in the outbox into Redis Streams, one process; beside peers into their brokers."""

import json
import time

from bench import competition, outboxes, quiet
from bench.client import Load
from bench.outboxes import Relay
from bench.parts.base import OURS, Bench, Contender, Part, Target
from bench.peers.stomp_server import StompServer
from bench.service import BEHIND_THE_WEB
from bench.streams import KeepingRedis
from outbox.models import OutboxEvent

FULL = "quittance, full table"
EVERYBODY = "quittance, everybody"
SLOWER = 10
"""How many times fewer events are for what takes long."""
POLL_SECONDS = 0.005
TIMEOUT_SECONDS = 120


def part(
    bench: Bench,
    *,
    empty: Relay,
    full: Relay,
    publisher: competition.Publisher,
    broker: StompServer,
    tasks: competition.TaskRelay,
) -> Part:
    count, few = bench.options.backlog, bench.options.backlog // SLOWER

    def ours(relay: Relay, count: int, *subscribers: str) -> Load:
        with bench.service.paused(*BEHIND_THE_WEB):
            if relay is empty:
                relay.tables.empty()
            return Load(count, relay.drain(count, *subscribers).seconds, 0.0)

    def celery_outbox() -> Load:
        return _relay_tasks(tasks, empty.redis, bench.options.peer_backlog)

    def outbox_pattern() -> Load:
        with publisher.publishing(bench.options.peer_backlog, body=_body(), port=broker.port):
            messages, seconds = broker.session()
        return Load(messages, seconds, 0.0)

    quiet.rest()
    full.tables.deliver(bench.options.delivered)
    before = f"the same with {bench.options.delivered:,} events delivered before"
    stomp, to_redis = "over STOMP to a broker that only counts", "as Celery tasks to the same Redis"
    return Part(
        name="relay",
        unit="events",
        contenders=[
            Contender("django-outbox-pattern", stomp, outbox_pattern),
            Contender("django-celery-outbox", to_redis, celery_outbox),
            Contender(OURS, "numbered, and published to a Redis stream", lambda: ours(empty, count, outboxes.REDIS)),
            Contender(FULL, before, lambda: ours(full, count, outboxes.REDIS)),
            Contender(EVERYBODY, "the stream, the log, our own consumers; a tenth of them", lambda: ours(empty, few)),
        ],
        targets=[Target(rate=20_000), Target(ratio=0.9, of=OURS, by=FULL)],
    )


def _relay_tasks(tasks: competition.TaskRelay, redis: KeepingRedis, count: int) -> Load:
    """From the first message that arrives until all have and their rows are gone."""
    redis.empty()
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with tasks.relaying(count, body=_body()):
        while not (first := redis.queued(tasks.QUEUE)):
            _pause(deadline)
        started = time.perf_counter()
        while redis.queued(tasks.QUEUE) < count or tasks.waiting():
            _pause(deadline)
        return Load(count - first, time.perf_counter() - started, 0.0)


def _pause(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"tasks are still waiting after {TIMEOUT_SECONDS} s")
    time.sleep(POLL_SECONDS)


def _body() -> str:
    return json.dumps(OutboxEvent.objects.order_by("-id").values_list("data", flat=True)[0])
