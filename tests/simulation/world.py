"""One deployment and everything around it, made anew for each seed."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import importlib
import logging
import random
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from unittest import mock

import httpx
import redis.exceptions
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import DatabaseError, connection

import config.celery
from config.kernel import correlation
from config.kernel.errors import Unavailable
from outbox import services as outbox
from outbox.services import nudging
from outbox.subscribers.base import TransportError
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.dials import Dials
from tests.api import ApiConsumer
from tests.simulation import subscribers
from tests.simulation.broker import Broker
from tests.simulation.network import wire
from tests.simulation.processes import FAILS, Ended, Process, Processes, is_in_transaction
from tests.simulation.virtual import CountedIds, VirtualTime, database

QUIET = Dials(settle_seconds=30, hang_seconds=0, evidence_seconds=3 * 86_400, fee_per_mille=29, fee_fixed=30)
ROUGH = dataclasses.replace(QUIET, duplicate=0.2, duplicate_copies=2, reorder=0.2)

ACCIDENTS = (DatabaseError, Unavailable, TransportError, httpx.HTTPError, redis.exceptions.RedisError)
"""What may come of something that went wrong."""
INBOX_LOG = "webhooks.inbound.services.applying"
NOT_YET = ("RefundTooLarge", "RefundCurrencyDiffers", "PaymentNotFound")
"""Why an event of the provider may not fit what is known so far; one that never does is a violation at the end."""
AGAIN = ("provider_unavailable",)
"""Codes of a 503 that needs no accident of ours: what is asked for cannot be done yet."""
WEBHOOKS = "/webhooks/payment-provider"

SHARDS = 2
"""A handful of invoices would each have a shard to itself, and a relay a lease for each."""
TWO_DAYS = 2 * 86_400
INDEX_LAG_SECONDS = TWO_DAYS
"""How long the provider's search may not find a charge that is there."""
WAITS = 0.3
"""How many processes somebody else comes in between the steps of."""
CLOCKS_AHEAD_MS = (0, 0, -1500, 2500)
"""What machines are apart."""
LATEST_WAIT = 12
SUBSCRIBING = 0.3
"""The part of the worlds in which there are subscriptions: each takes half as long again as any other."""


class Template:
    """The database every world begins with: migrated, one API key, a cursor for every subscriber and shard."""

    def __init__(self) -> None:
        config.celery.app.loader.import_default_modules()
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(subscribers.EFFECTS)
        self.consumer = ApiConsumer()
        outbox.relay_once()
        self._pristine = sqlite3.connect(":memory:")
        connection.connection.backup(self._pristine)

    def restore(self) -> None:
        """Whatever happened since is gone."""
        self._pristine.backup(connection.connection)


@dataclasses.dataclass
class Request:
    """What a client asked for, under which key, the latest answer (None: it was lost), and what has been made."""

    path: str
    body: dict[str, Any]
    key: str
    status: int | None = None
    id: str = ""
    method: str = "POST"


class Answer(NamedTuple):
    """`says` is the new status, if there is one, or the code of a problem; `id` what has been made, if anything has."""

    status: int
    says: str
    id: str

    @classmethod
    def of(cls, response: Any) -> Answer:
        document = response.json() if response.content else {}
        id = document.get("id", "") if response.status_code < 300 else ""
        return cls(response.status_code, document.get("code") or document.get("status", ""), id)


@dataclasses.dataclass(frozen=True)
class Weather:
    """What is likely in one world: what seldom comes together in the average of all comes often in a few.

    `rates` says how often something goes wrong with a step, `lost_webhooks` how many the provider never repeats,
    `webhooks_after` when it sends them, in seconds, `long_waits` what may go by at once, in seconds, `held_attempts`
    how often an event is tried that is not taken, `has_subscribers` whether anybody subscribes to anything.
    """

    rates: Mapping[str, float]
    lost_webhooks: float
    webhooks_after: float
    long_waits: tuple[int, ...]
    held_attempts: int
    has_subscribers: bool

    @classmethod
    def of(cls, seed: int) -> Weather:
        rng = random.Random(f"weather of {seed}")
        rates = FAILS | {"provider": rng.choice([0.05, 0.12, 0.4])}
        long_waits = rng.choice([(61, 90, 310, 3700, 90_000), (90_000,)])
        return cls(
            rates=rates,
            lost_webhooks=rng.choice([0, 0.2, 0.6]),
            webhooks_after=rng.choice([0, 0, 0, 0, TWO_DAYS]),
            long_waits=long_waits,
            held_attempts=rng.choice([1, 2]),
            has_subscribers=rng.random() < SUBSCRIBING,
        )


class World:
    """`violations` is what must never be there. A calm one has no faults and nobody comes in between."""

    def __init__(
        self, *, seed: int, clock: VirtualTime, consumer: ApiConsumer, meanwhile: Callable[[random.Random], None]
    ) -> None:
        self.clock = clock
        self.ids = CountedIds(clock)
        self.weather = Weather.of(seed)
        self.violations: list[str] = []
        self.is_calm = False
        configured = settings.PROVIDERS["simulated"]
        self.core = SimulatorCore(
            seed=seed,
            webhook_secret=configured["webhook_secrets"][0],
            account=configured["account"],
            dials=dataclasses.replace(ROUGH, delay_seconds=self.weather.webhooks_after),
        )
        self.processes = Processes(meanwhile=meanwhile, violations=self.violations)
        self.broker = Broker(step=self.processes.pass_step)
        self.far_end = subscribers.FarEnd(step=self.processes.pass_step)
        self.consumer = consumer
        self.requests: list[Request] = []
        self.transfers: set[str] = set()
        """References of money that a client was told has been taken note of."""
        self.trace: list[str] = []
        self.tally: collections.Counter[str] = collections.Counter()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Everything that leads out of the deployment leads here."""
        wire.connect(self)
        _forget_everything()
        errors = _Errors(self)
        logging.getLogger().addHandler(errors)
        try:
            with (
                self.ids.given_out(),
                self.processes.installed(),
                mock.patch.object(config.celery, "_send", self.broker.send),
                mock.patch.object(settings, "OUTBOX_HELD_ATTEMPTS", self.weather.held_attempts),
                mock.patch.object(subscribers.Recorder, "far_end", self.far_end, create=True),
            ):
                yield
        finally:
            logging.getLogger().removeHandler(errors)
            self.core.close()

    def start(
        self, name: str, rng: random.Random, call: Callable[[], Any], *, refusals: tuple[type[Exception], ...] = ()
    ) -> Ended:
        """Run a process to its end. What it raises is a violation but for `refusals`, and what an accident raises."""
        process = Process(name, rng, is_calm=self.is_calm, rates=self.weather.rates)
        if not self.is_calm and rng.random() < WAITS:
            process.waits_at = rng.randint(1, LATEST_WAIT)
        ids_before, self.ids.ahead_ms = self.ids.ahead_ms, rng.choice(CLOCKS_AHEAD_MS)
        ended = self.processes.run(process, lambda: _as_a_process(name, call))
        self.ids.ahead_ms = ids_before
        self.tally[process.fault.partition(":")[0]] += 1
        if ended.error is not None and not isinstance(ended.error, refusals + (ACCIDENTS if process.fault else ())):
            self.violations.append(f"{name} raised {ended.error!r}")
        self.trace.append(f"{'  ' * self.processes.depth}{ended}")
        return ended

    def ask(self, rng: random.Random, request: Request) -> Ended:
        """A client sends a request, for the first time or again: the same key always has the same answer."""

        def send() -> Answer:
            key = {"Idempotency_Key": request.key} if request.key else {}
            return Answer.of(self.consumer.request(request.method, request.path, request.body, **key))

        ended = self.start(f"{request.method} {request.path}", rng, send)
        if ended.value is not None:
            self._note_answer(request, ended.value, ended.process)
        elif not request.id:
            request.status = None
        return ended

    def post_webhook(self, body: bytes, headers: dict[str, str]) -> int:
        """The provider's request to us; the status of our answer."""
        return self.consumer.client.post(WEBHOOKS, body, content_type="application/json", headers=headers).status_code

    def _note_answer(self, request: Request, answer: Answer, process: Process) -> None:
        if answer.status >= 500:
            if answer.status != 503 or not (process.fault or answer.says in AGAIN):
                self.violations.append(f"{request.method} {request.path} was answered with {answer}")
            request.status = request.status if request.id else None
            return
        if request.id and answer.id != request.id:
            self.violations.append(
                f"{request.method} {request.path} had made {request.id}, and is answered with {answer}"
            )
        if not request.id:
            request.status, request.id = answer.status, answer.id if request.key else ""

    def check_call(self, name: str) -> None:
        """No provider is called inside a transaction."""
        if is_in_transaction():
            self.violations.append(f"{name} at the provider inside a transaction")

    def is_unfindable(self, reference: str) -> bool:
        """Whether the provider's search has not heard of it yet: always of the same part of the charges."""
        young = self.clock.now - INDEX_LAG_SECONDS
        is_slow = zlib.crc32(reference.encode()) % 2 == 0
        return is_slow and any(charge.created_at > young for charge in self.core.charges(reference=reference))


def _as_a_process(name: str, call: Callable[[], Any]) -> Any:
    with correlation.bind(f"simulation:{name.split()[0]}"):
        return call()


def _forget_everything() -> None:
    """What a process keeps in memory beside the database: another world has another process."""
    cache.clear()
    config.celery.nudge_breaker.reset()
    nudging._cache_breaker.reset()


class _Errors(logging.Handler):
    """What is logged as an error is a violation, but for what an accident is the cause of."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        message, error = record.getMessage(), record.exc_info[1] if record.exc_info else None
        is_503 = 503 in (getattr(record, "status", 0), getattr(record, "status_code", 0))
        if is_503 and "/api/" in f"{message} {getattr(record, 'path', '')}":
            return  # whoever asked judges the answer
        if record.name.startswith("outbox.") and self._world.far_end.is_troubled:
            return
        if record.name == INBOX_LOG and any(f": {name}:" in message for name in NOT_YET):
            return
        if self._world.processes.is_disturbed and (error is None or isinstance(error, ACCIDENTS)):
            return
        self._world.violations.append(f"logged: {message} {error!r}")


@contextlib.contextmanager
def virtual_process() -> Iterator[tuple[VirtualTime, Template]]:
    """This process from here on: virtual time, counted ids, few shards, and the template of every database."""
    with VirtualTime().running() as clock, contextlib.ExitStack() as stack:
        for module in ("outbox.services.record", "outbox.services.leases"):
            stack.enter_context(mock.patch.object(importlib.import_module(module), "SHARDS", SHARDS))
        clock.tell(database())
        with CountedIds(clock).given_out():
            template = Template()
        yield clock, template
