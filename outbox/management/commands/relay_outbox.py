"""manage.py relay_outbox: the relay as a process."""

import dataclasses
import json
import logging
import sys
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection

from config.kernel.errors import Unavailable
from config.management.stopping import told_to_stop
from outbox import services
from outbox.services import Progress, turns
from outbox.services.numbering import Beside
from outbox.services.progress import ServedAt
from outbox.subscribers import registry

logger = logging.getLogger(__name__)

EXIT_NOTHING_LEFT = 0
EXIT_USAGE = 2
EXIT_WORK_LEFT = 3
EXIT_DATABASE_UNAVAILABLE = 4
_IDLE_SECONDS = 0.2
_DATABASE_RETRY_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Number and deliver outbox events until INT or TERM, which let the batch at hand end. Exit codes: 0 stopped, "
        "or nothing left with --once; 2 wrong usage; with --once also 3: events are held, backing off or leased by "
        "another relay; 4: the database cannot be reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when nothing is left to do now")
        parser.add_argument("--batch-size", type=int, help="events per transaction or publish call")
        parser.add_argument(
            "--subscriber", action="append", help="serve this one only (repeatable): one process per slow subscriber"
        )
        parser.add_argument("--json", action="store_true", help="with --once: print what was done and what is left")

    def handle(self, *args: Any, **options: Any) -> None:
        self._check(options)
        stopping = told_to_stop()
        with Beside() as beside:
            if options["once"]:
                sys.exit(self._once(stopping, options, beside))
            self._forever(stopping, options, beside)

    def _check(self, options: dict[str, Any]) -> None:
        if options["batch_size"] is not None and options["batch_size"] < 1:
            raise CommandError("--batch-size must be at least 1", returncode=EXIT_USAGE)
        unknown = set(options["subscriber"] or ()) - set(registry.configured())
        if unknown:
            raise CommandError(f"no such subscriber: {', '.join(sorted(unknown))}", returncode=EXIT_USAGE)
        if options["json"] and not options["once"]:
            raise CommandError("--json needs --once", returncode=EXIT_USAGE)

    def _once(self, stopping: threading.Event, options: dict[str, Any], beside: Beside) -> int:
        try:
            progress = services.drain(
                stop=stopping.is_set,
                batch_size=options["batch_size"],
                only=options["subscriber"],
                beside=beside,
            )
            standing = services.status()
        except (OperationalError, InterfaceError, Unavailable) as error:
            self.stderr.write(f"the database cannot be reached: {error}")
            return EXIT_DATABASE_UNAVAILABLE
        served = [each for each in standing if not options["subscriber"] or each.subscriber in options["subscriber"]]
        left = any(each.lag or each.held for each in served)
        if options["json"]:
            report = {"did": dataclasses.asdict(progress), "left": [dataclasses.asdict(each) for each in standing]}
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(_summary(progress))
        return EXIT_WORK_LEFT if left else EXIT_NOTHING_LEFT

    def _forever(self, stopping: threading.Event, options: dict[str, Any], beside: Beside) -> None:
        logger.info("relaying; INT or TERM stops after the batch at hand")
        served_at: ServedAt = {}
        while not stopping.is_set():
            wait_seconds = self._pass(stopping, options, served_at, beside)
            stopping.wait(wait_seconds)
        logger.info("stopped")

    def _pass(self, stopping: threading.Event, options: dict[str, Any], served_at: ServedAt, beside: Beside) -> float:
        """One pass; how long to wait before the next, in seconds."""
        started = time.monotonic()
        try:
            progress = services.relay_once(
                stop=stopping.is_set,
                batch_size=options["batch_size"],
                only=options["subscriber"],
                served_at=served_at,
                beside=beside,
            )
        except (OperationalError, InterfaceError, Unavailable) as error:
            logger.error("pass broken off, trying again: %s", error)
            connection.close()
            return _DATABASE_RETRY_SECONDS
        if not options["subscriber"]:
            turns.take_for_process()
        if progress != Progress():
            logger.info("%s in %.3f s", _summary(progress), time.monotonic() - started)
        if not progress.did_something:
            return _IDLE_SECONDS
        return services.rest_after(progress, pass_seconds=time.monotonic() - started)


def _summary(progress: Progress) -> str:
    return ", ".join(f"{name} {count}" for name, count in dataclasses.asdict(progress).items())
