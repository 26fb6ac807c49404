"""Events per second from the outbox to a publisher, one process, from a backlog."""

import json
import subprocess
import sys

from bench import backlog, competition, quiet
from bench.client import Load
from bench.parts.base import OURS, Bench, Contender, Part, Target
from bench.peers.stomp_server import StompServer
from outbox.models import OutboxEvent

RELAYS = ("worker", "beat", "relay")


def part(bench: Bench, *, publisher: competition.Publisher, broker: StompServer) -> Part:
    def ours() -> Load:
        quiet.rest()
        with bench.service.paused(*RELAYS):
            backlog.record(bench.options.backlog)
            return _relay(bench)

    def theirs() -> Load:
        event = OutboxEvent.objects.order_by("-id").values_list("data", flat=True)[0]
        with publisher.publishing(bench.options.peer_backlog, body=json.dumps(event), port=broker.port):
            count, seconds = broker.session()
        return Load(count, seconds, 0.0)

    return Part(
        name="relay",
        unit="events",
        contenders=[
            Contender("django-outbox-pattern", "its publisher over STOMP to a broker that only counts", theirs),
            Contender(OURS, "numbered, and given to every subscriber; the log publisher writes to a file", ours),
        ],
        targets=[Target(rate=20_000)],
    )


def _relay(bench: Bench) -> Load:
    report = bench.folder / "relay.seconds"
    with (
        (bench.folder / "relay.out").open("wb") as events,
        (bench.folder / "logs" / "relay_once.log").open("wb") as log,
    ):
        command = [sys.executable, "-m", "bench.relay_once", str(report)]
        subprocess.run(command, stdout=events, stderr=log, check=True)
    return Load(bench.options.backlog, float(report.read_text()), 0.0)
