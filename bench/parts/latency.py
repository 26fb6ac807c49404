"""How long requests take at a moderate, steady load, and how long it is from paying to paid.

Requests leave on a schedule whether or not earlier ones have been answered, and are timed from when they were due: a
stall is seen by everything that would have come during it.
"""

import dataclasses
import itertools
import queue
import socket
import threading
import time
from collections.abc import Callable

from django.db.models import F

from bench import client, quiet
from bench.parts.base import Bench
from bench.parts.create_pay import INVOICE, TERMS, invoice_id
from bench.parts.webhooks import request
from payments.models import Payment
from payments.states import PaymentStatus

CLIENTS = 16
SETTLE_TIMEOUT_SECONDS = 30
Job = Callable[["_Caller", float], object]
"""Called with the connection to use and when it was due."""
Latencies = dict[str, list[float]]
"""What was asked → seconds it took, sorted."""


def measure(bench: Bench, *, seconds: float, pairs_per_second: float) -> Latencies:
    """Every tick one client creates an invoice, pays it and gets it, and another delivers one webhook."""
    ticks = int(seconds * pairs_per_second)
    awaited = bench.accepted.make(ticks)
    quiet.rest()
    run = _Run(bench)
    jobs = list(itertools.chain.from_iterable((run.buy, _delivery(run, request(each))) for each in awaited))
    run.play(jobs, interval=1 / pairs_per_second / 2)
    _wait_until_settled(run.payments)
    return {name: sorted(found) for name, found in {**run.found, "pay to paid": _until_paid(run.payments)}.items()}


def _delivery(run: "_Run", sent: bytes) -> Job:
    return lambda caller, due: caller.timed("webhook", sent, b"200", due)


class _Run:
    """A schedule and the clients that keep it."""

    def __init__(self, bench: Bench) -> None:
        self.found: Latencies = {"create": [], "pay": [], "get invoice": [], "webhook": []}
        self.payments: list[str] = []
        self._port = bench.service.port
        self._authorization = bench.shop.authorization
        self._jobs: queue.Queue[tuple[Job, float] | None] = queue.Queue()
        self._errors: list[Exception] = []

    def play(self, jobs: list[Job], *, interval: float) -> None:
        """One job each `interval` seconds. Raises what a client raised."""
        threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        started = time.perf_counter()
        for number, job in enumerate(jobs):
            due = started + number * interval
            time.sleep(max(0.0, due - time.perf_counter()))
            self._jobs.put((job, due))
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def buy(self, caller: "_Caller", due: float) -> None:
        """Create is due now; pay and get leave when the answer before them is there."""
        key = self._authorization
        path = "/api/v1/invoices"
        create = client.request("POST", path, INVOICE, Authorization=key, Idempotency_Key=client.fresh_key())
        invoice = invoice_id(caller.timed("create", create, b"201", due))
        pay = client.request(
            "POST", f"{path}/{invoice}/pay", TERMS, Authorization=key, Idempotency_Key=client.fresh_key()
        )
        self.payments.append(invoice_id(caller.timed("pay", pay, b"201", time.perf_counter())))
        get = client.request("GET", f"{path}/{invoice}", Authorization=key)
        caller.timed("get invoice", get, b"200", time.perf_counter())

    def _work(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as connection:
            caller = _Caller(connection, self.found)
            while (item := self._jobs.get()) is not None:
                job, due = item
                try:
                    job(caller, due)
                except (client.Refused, OSError) as error:
                    self._errors.append(error)
                    return


@dataclasses.dataclass(frozen=True)
class _Caller:
    """One connection."""

    connection: socket.socket
    found: Latencies

    def timed(self, name: str, sent: bytes, status: bytes, due: float) -> bytes:
        response = client.expect(status, client.exchange(self.connection, sent))
        self.found[name].append(time.perf_counter() - due)
        return response


def _wait_until_settled(payments: list[str]) -> None:
    """Or SETTLE_TIMEOUT_SECONDS: what is still live then is missing from the count of `pay to paid`."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
    while Payment.objects.filter(id__in=payments, ended_at=None).exists() and time.monotonic() < deadline:
        time.sleep(0.2)


def _until_paid(payments: list[str]) -> list[float]:
    """By the service's own clock: from the payment's creation to the invoice's end."""
    settled = Payment.objects.filter(id__in=payments, status=PaymentStatus.SUCCEEDED).values_list(
        F("invoice__paid_at") - F("created_at")
    )
    return [taken.total_seconds() for (taken,) in settled]
