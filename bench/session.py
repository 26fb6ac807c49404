"""One run: everything brought up, parts measured in turns, shown and written. Needs Django set up."""

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import connection

from bench import competition, outboxes, service, table
from bench.hot_paths import Shop
from bench.parts import (
    PARTS,
    create_pay,
    deliveries,
    latency,
    relay,
    relay_memory,
    renewals,
    replays,
    stream_latency,
    webhooks,
)
from bench.parts.base import Bench, Options, Part, Study
from bench.peers.stomp_server import StompServer
from bench.stock import Accepted, write_one
from bench.streams import keeping_redis
from config.celery import app
from outbox import services as outbox

STARTED = time.monotonic()


class Session:
    """Parts over running servers."""

    def __init__(self, bench: Bench, parts: Iterator[Part | Study], *, with_latency: bool) -> None:
        self._bench = bench
        self._parts = parts
        self._options = bench.options
        self._with_latency = with_latency
        self._report: list[dict[str, Any]] = []
        self._studies: list[dict[str, Any]] = []
        self._latencies: dict[str, dict[str, float]] = {}

    def measure(self) -> None:
        """All parts, each in rounds in which its contenders take turns; shown as soon as it is known."""
        print(f"{_machine()['cpus']} CPUs; {_mariadb()}; {self._options.rounds} rounds\n", flush=True)
        if self._with_latency:
            self._measure_latency()
        for part in self._parts:
            if isinstance(part, Study):
                self._measure_study(part)
            else:
                self._measure_part(part)

    def _measure_part(self, part: Part) -> None:
        rounds: table.Rounds = {contender.name: [] for contender in part.contenders}
        for number in range(self._options.rounds):
            for contender in part.contenders:
                _say(f"{part.name}, round {number + 1} of {self._options.rounds}: {contender.name}")
                rounds[contender.name].append(contender.measure())
        print("\n".join(table.lines(part, rounds)), flush=True)
        self._report.append(table.as_json(part, rounds))

    def _measure_study(self, study: Study) -> None:
        _say(study.name)
        finding = study.measure()
        print("\n".join(table.study_lines(study, finding)), flush=True)
        self._studies.append({"name": study.name, **dataclasses.asdict(finding)})

    def _measure_latency(self) -> None:
        _say("latency")
        seconds = self._options.rounds * self._options.seconds
        found = latency.measure(self._bench, seconds=seconds, pairs_per_second=self._options.pairs_per_second)
        print("\n".join(table.latency_lines(found, pairs_per_second=self._options.pairs_per_second)), flush=True)
        self._latencies = {name: table.percentiles(each) | {"n": len(each)} for name, each in found.items()}

    def write(self, path: Path) -> None:
        found = {"at": datetime.datetime.now(datetime.UTC).isoformat(), **_machine(), "mariadb": _mariadb()}
        path.write_text(
            json.dumps(
                {
                    **found,
                    "options": vars(self._options),
                    "parts": self._report,
                    "studies": self._studies,
                    "latency": self._latencies,
                },
                indent=2,
            )
        )
        print(f"Written to {path}")


@contextlib.contextmanager
def session(*, options: argparse.Namespace, folder: Path, simulator_port: int) -> Iterator[Session]:
    """Brings up the service, and of the peers those that the chosen parts need."""
    chosen = Options(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Options)})
    competition.check_environment()
    shop = Shop()
    written, accepted = write_one(shop), Accepted(shop)
    app.control.purge()
    outbox.drain()
    wanted: Sequence[str] = options.only or PARTS
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(service.running(folder=folder, simulator_port=simulator_port))
        bench = Bench(chosen, folder, running, shop, written, accepted)
        yield Session(bench, _parts(bench, wanted, stack), with_latency="latency" in wanted)


def _parts(bench: Bench, wanted: Sequence[str], stack: contextlib.ExitStack) -> Iterator[Part | Study]:
    """Each is made when it is its turn, and starts the peers it needs."""
    url, folder = os.environ["DATABASE_URL"], bench.folder
    if {"create-pay", "replays"} & set(wanted):
        peer_url = competition.copy_schema(url, name="quittance_fastapi", with_rows_of=("billing_apikey",))
        peer_port = stack.enter_context(competition.fastapi(folder=folder, url=peer_url))
    if "create-pay" in wanted:
        floor_url = competition.copy_schema(url, name="quittance_floor")
        yield create_pay.part(bench, floor_url=floor_url, peer_port=peer_port)
    if "replays" in wanted:
        yield replays.part(bench, peer_port=peer_port)
    if "webhooks" in wanted:
        yield webhooks.part(bench, peer=stack.enter_context(competition.djstripe(folder=folder, url=url)))
    if {"relay", "stream-latency", "relay-memory"} & set(wanted):
        redis = stack.enter_context(keeping_redis(folder))
        alone = outboxes.relay(bench, redis=redis, name="quittance_relay")
    if "relay" in wanted:
        broker = StompServer()
        stack.callback(broker.close)
        yield relay.part(
            bench,
            empty=alone,
            full=outboxes.relay(bench, redis=redis, name="quittance_relay_full"),
            publisher=competition.Publisher(folder=folder, url=url),
            broker=broker,
            tasks=competition.TaskRelay(folder=folder, url=url, broker_url=redis.queue_url),
        )
    if "stream-latency" in wanted:
        yield stream_latency.study(bench, relay=alone)
    if "relay-memory" in wanted:
        yield relay_memory.study(bench, relay=alone)
    if "renewals" in wanted:
        yield renewals.study(bench)
    if "deliveries" in wanted:
        yield deliveries.part(bench, receiver_port=stack.enter_context(competition.receiver()))


def _machine() -> dict[str, Any]:
    return {"cpus": os.cpu_count(), "machine": platform.platform(), "python": platform.python_version()}


def _mariadb() -> str:
    """Version, and whether a commit is on disk when it is answered (1)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@innodb_buffer_pool_size >> 20")
        version, flush, pool = cursor.fetchone()
        return f"MariaDB {version}, flush at commit {flush}, buffer pool {pool} MiB"


def _say(line: str) -> None:
    print(f"{time.monotonic() - STARTED:6.0f} s  {line}", file=sys.stderr, flush=True)
