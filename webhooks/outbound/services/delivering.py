"""Sending what is due: threads talk to receivers, the thread that calls talks to the database."""

import collections
import dataclasses
import datetime
import logging
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from config.kernel import clock
from config.outgoing.posting import Answer, Poster
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.services import claiming, messages, recording
from webhooks.outbound.services.endpoints import valid_secrets
from webhooks.outbound.services.pacing import Paces
from webhooks.outbound.services.recording import Try

logger = logging.getLogger(__name__)

Stop = Callable[[], bool]

MOST_CLAIMED = 100
"""Of one endpoint, that wait in this process."""
PATIENCE_SECONDS = 0.1
"""How long to wait for an answer before looking what else is due."""
MOST_RECORDED = 200
MARGIN_SECONDS = 5
"""What is left of a claim must suffice for one try and this, to record it."""


@dataclasses.dataclass
class _Claimed:
    """What this process may send to one endpoint, until `ends_at` (monotonic)."""

    endpoint: Endpoint
    secrets: list[str]
    deliveries: collections.deque[Delivery]
    ends_at: float


class Courier:
    """One process's share of the work. Its threads end with `close`."""

    def __init__(self) -> None:
        self._poster = Poster(
            allow_private=settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES, timeout_seconds=settings.WEBHOOK_TIMEOUT_SECONDS
        )
        self._threads = ThreadPoolExecutor(settings.WEBHOOK_THREADS, thread_name_prefix="courier")
        self._paces = Paces(settings.WEBHOOK_THREADS)
        self._answered: queue.SimpleQueue[tuple[Endpoint, Try]] = queue.SimpleQueue()
        self._claimed: dict[str, _Claimed] = {}
        self._under_way = 0
        self._unrecorded: list[Try] = []

    def close(self) -> None:
        self._threads.shutdown()
        self._poster.close()

    def deliver(self, *, stop: Stop) -> int:
        """Send until nothing is due, or until `stop` says so and what is under way has ended. How many tries.

        What could not be recorded because the database was away is recorded first the next time.
        """
        tries = 0
        while True:
            stopping = stop()
            if stopping:
                self._give_back_all()
            else:
                self._claim()
                self._send()
            if not self._under_way and not self._unrecorded:
                return tries
            tries += self._record()

    def _claim(self) -> None:
        for endpoint in claiming.due_endpoints():
            waiting = self._claimed.get(endpoint.id)
            wanted = MOST_CLAIMED if self._paces.is_proven(endpoint) else self._paces.room_for(endpoint)
            if waiting is not None or wanted <= 0:
                continue
            ends_at = (
                time.monotonic() + settings.WEBHOOK_CLAIM_SECONDS - settings.WEBHOOK_TIMEOUT_SECONDS - MARGIN_SECONDS
            )
            if deliveries := claiming.claim(endpoint=endpoint, limit=wanted):
                self._claimed[endpoint.id] = _Claimed(
                    endpoint, valid_secrets(endpoint), collections.deque(deliveries), ends_at
                )

    def _send(self) -> None:
        for claimed in list(self._claimed.values()):
            if time.monotonic() > claimed.ends_at:
                self._give_back(claimed)
                continue
            room = self._paces.room_for(claimed.endpoint)
            while claimed.deliveries and room > 0:
                self._start(claimed.endpoint, claimed.secrets, claimed.deliveries.popleft())
                room -= 1
            if not claimed.deliveries:
                del self._claimed[claimed.endpoint.id]

    def _start(self, endpoint: Endpoint, secrets: list[str], delivery: Delivery) -> None:
        self._paces.begin(endpoint)
        self._under_way += 1
        self._threads.submit(self._try, endpoint, secrets, delivery, clock.now())

    def _try(self, endpoint: Endpoint, secrets: list[str], delivery: Delivery, started_at: datetime.datetime) -> None:
        """In a thread of its own, without the database, which a test clock would be asked of."""
        answer = self._post(endpoint, secrets, delivery)
        self._answered.put((endpoint, Try(delivery, endpoint.url, started_at, answer)))

    def _post(self, endpoint: Endpoint, secrets: list[str], delivery: Delivery) -> Answer:
        """What cannot even be sent is a failed try too: the caller waits for an answer to each."""
        began = time.monotonic()
        try:
            body = messages.body_of(delivery)
            return self._poster.post(endpoint.url, headers=messages.headers_of(delivery, body, secrets), body=body)
        except Exception as error:
            logger.exception("could not be sent", extra={"delivery": delivery.id})
            seconds = time.monotonic() - began
            return Answer(None, f"{type(error).__name__}: {error}"[:500], "", seconds, None)

    def _record(self) -> int:
        for endpoint, each in self._gather():
            self._under_way -= 1
            self._paces.end(endpoint, succeeded=each.is_delivered, seconds=each.answer.duration_seconds)
            self._unrecorded.append(each)
        if self._unrecorded:
            recording.record(self._unrecorded)
        recorded, self._unrecorded = self._unrecorded, []
        return len(recorded)

    def _gather(self) -> list[tuple[Endpoint, Try]]:
        """Those that have come by now, having waited for the first."""
        answered = []
        try:
            answered.append(self._answered.get(timeout=PATIENCE_SECONDS))
            while len(answered) < MOST_RECORDED:
                answered.append(self._answered.get_nowait())
        except queue.Empty:
            """Those are all."""
        return answered

    def _give_back_all(self) -> None:
        for claimed in list(self._claimed.values()):
            self._give_back(claimed)

    def _give_back(self, claimed: _Claimed) -> None:
        del self._claimed[claimed.endpoint.id]
        claiming.give_back(list(claimed.deliveries))


def deliver(*, stop: Stop) -> int:
    """As `Courier.deliver`, with one that ends with it."""
    courier = Courier()
    try:
        return courier.deliver(stop=stop)
    finally:
        courier.close()
