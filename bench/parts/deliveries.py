"""Webhooks per second from a backlog of deliveries to receivers on this machine, one process."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from bench import backlog, quiet
from bench.client import Load
from bench.parts.base import OURS, Bench, Contender, Part, Target
from config.api.principals import system
from config.outgoing.posting import Poster
from outbox import services as outbox
from outbox.models import OutboxEvent
from webhooks.outbound import services
from webhooks.outbound.models import Delivery
from webhooks.outbound.services import signing
from webhooks.outbound.states import DeliveryStatus

BEHIND_THE_WEB = ("worker", "beat", "relay")
ENDPOINTS = 10
ACTOR = system("bench")


def part(bench: Bench, *, receiver_port: int) -> Part:
    url = f"http://127.0.0.1:{receiver_port}/hook"

    def ours() -> Load:
        quiet.rest()
        with bench.service.paused(*BEHIND_THE_WEB):
            _fan_out(url, bench.options.deliveries)
            return _deliver(bench)

    def floor() -> Load:
        body = json.dumps(OutboxEvent.objects.order_by("-id").values_list("data", flat=True)[0]).encode()
        return _post(url, body, bench.options.deliveries)

    return Part(
        name="deliveries",
        unit="deliveries",
        contenders=[
            Contender("floor", "the same signed POSTs by as many threads; nothing is claimed, judged or stored", floor),
            Contender(OURS, "from rows that are due to rows that are delivered, each try logged", ours),
        ],
        targets=[Target(rate=500)],
    )


def _fan_out(url: str, count: int) -> None:
    """Made through the relay; the endpoints hear nothing afterwards."""
    outbox.drain()
    endpoints = [
        services.create_endpoint(actor=ACTOR, url=url, listens_to=["*"], description="", key=None).row
        for _ in range(ENDPOINTS)
    ]
    backlog.record(count // ENDPOINTS)
    outbox.drain(only=["webhooks"])
    for endpoint in endpoints:
        services.update_endpoint(actor=ACTOR, endpoint_id=endpoint.id, changes={"events": ["customer.updated"]})


def _deliver(bench: Bench) -> Load:
    report = bench.folder / "deliver.seconds"
    with (bench.folder / "logs" / "deliver_once.log").open("wb") as log:
        subprocess.run([sys.executable, "-m", "bench.deliver_once", str(report)], stdout=log, stderr=log, check=True)
    assert not Delivery.objects.filter(status=DeliveryStatus.PENDING).exists()
    tries, seconds = report.read_text().split()
    return Load(int(tries), float(seconds), 0.0)


def _post(url: str, body: bytes, count: int) -> Load:
    poster, secret = Poster(allow_private=True), signing.new_secret()

    def send(number: int) -> None:
        headers = signing.headers(message_id=str(number), timestamp=int(time.time()), body=body, secrets=[secret])
        assert poster.post(url, headers=headers, body=body).status_code == 200

    started = time.perf_counter()
    with ThreadPoolExecutor(settings.WEBHOOK_THREADS) as threads:
        list(threads.map(send, range(count)))
    poster.close()
    return Load(count, time.perf_counter() - started, 0.0)
