"""manage.py deliver_webhooks: the sender of webhooks as a process."""

import itertools
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count, Q

from config.kernel import clock
from config.kernel.errors import Unavailable
from config.management.stopping import told_to_stop
from outbox.services import turns
from webhooks.outbound.models import Delivery
from webhooks.outbound.services import Courier
from webhooks.outbound.states import DeliveryStatus, EndpointStatus
from webhooks.outbound.tasks import TURN_KEY

logger = logging.getLogger(__name__)

EXIT_NOTHING_LEFT = 0
EXIT_USAGE = 2
EXIT_WORK_LEFT = 3
EXIT_DATABASE_UNAVAILABLE = 4
AWAY = (OperationalError, InterfaceError, Unavailable)
_IDLE_SECONDS = 0.2
_DATABASE_RETRY_SECONDS = 1.0
_TURN_SECONDS = 1.0
"""How often the turn is taken anew; it is kept for PROCESS_TURN_SECONDS."""


class Command(BaseCommand):
    help = (
        "Send webhooks until INT or TERM, which begin no further try and let those under way end, in 15 s at most; "
        "scheduled tasks leave meanwhile. Exit codes: 0 stopped, or nothing left with --once; 2 wrong usage; with "
        "--once also 3: some are to be tried again later, or are being sent by another worker; 4: the database cannot "
        "be reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when nothing is due any more")
        parser.add_argument("--json", action="store_true", help="with --once: print what was done and what is left")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"] and not options["once"]:
            raise CommandError("--json needs --once", returncode=EXIT_USAGE)
        stopping = told_to_stop()
        courier = Courier()
        try:
            code = self._once(courier, stopping, options) if options["once"] else _forever(courier, stopping)
        finally:
            courier.close()
        if code:
            sys.exit(code)

    def _once(self, courier: Courier, stopping: threading.Event, options: dict[str, Any]) -> int:
        try:
            tries = courier.deliver(stop=stopping.is_set)
            left = _left()
        except AWAY as error:
            self.stderr.write(f"the database cannot be reached: {error}")
            return EXIT_DATABASE_UNAVAILABLE
        if options["json"]:
            self.stdout.write(json.dumps({"did": {"tries": tries}, "left": left}))
        else:
            self.stdout.write(f"{tries} tries; left: " + ", ".join(f"{count} {why}" for why, count in left.items()))
        return EXIT_WORK_LEFT if left["due"] or left["later"] else EXIT_NOTHING_LEFT


def _forever(courier: Courier, stopping: threading.Event) -> int:
    logger.info("delivering; INT or TERM stops after the tries under way")
    while not stopping.is_set():
        stopping.wait(one_pass(courier, stopping))
    logger.info("stopped")
    return EXIT_NOTHING_LEFT


def one_pass(courier: Courier, stopping: threading.Event) -> float:
    """All that is due; how long to rest before the next look, in seconds."""
    started = time.monotonic()
    try:
        tries = courier.deliver(stop=_keeping_the_turn(stopping))
    except AWAY as error:
        logger.error("pass broken off, trying again: %s", error)
        connection.close()
        return _DATABASE_RETRY_SECONDS
    turns.take_for_process(TURN_KEY)
    if tries:
        logger.info("%d tries in %.3f s", tries, time.monotonic() - started)
    return _IDLE_SECONDS


def _keeping_the_turn(stopping: threading.Event) -> Callable[[], bool]:
    """A `stop` for one pass, which may be long: asked in each of its rounds, it keeps the turn once one got through."""
    rounds = itertools.count()
    taken_at = float("-inf")

    def stop() -> bool:
        nonlocal taken_at
        if next(rounds) and time.monotonic() - taken_at >= _TURN_SECONDS:
            turns.take_for_process(TURN_KEY)
            taken_at = time.monotonic()
        return stopping.is_set()

    return stop


def _left() -> dict[str, int]:
    """Pending deliveries: due now, to be tried later, and kept for endpoints that are paused or disabled."""
    is_sent_to = Q(endpoint__status=EndpointStatus.ENABLED)
    is_due = Q(available_at__lte=clock.now())
    return Delivery.objects.filter(status=DeliveryStatus.PENDING).aggregate(
        due=Count("id", filter=is_sent_to & is_due),
        later=Count("id", filter=is_sent_to & ~is_due),
        kept=Count("id", filter=~is_sent_to),
    )
