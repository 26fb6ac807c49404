"""manage.py archive: what has ended, moved out of the way of what is worked with."""

import datetime
import json
import sys
import time
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import InterfaceError, OperationalError

from config.kernel import clock
from config.kernel.errors import Unavailable
from config.management.arguments import positive
from config.management.described import DescribedCommand
from config.management.stopping import told_to_stop
from outbox import services as outbox
from webhooks.inbound import services as inbound
from webhooks.outbound import services as outbound

KINDS = {"deliveries": outbound.archive, "payloads": inbound.archive, "events": outbox.archive}
"""In this order: an event stays as long as a delivery of it does."""
MAX_DAYS = 36_500
ALL_DONE, STOPPED, DATABASE_UNAVAILABLE = 0, 3, 4
HELP = """Move old deliveries, bodies of provider events and events to tables beside those that workers and relays work
with. Nothing is deleted: the admin shows them, verify_books reads them, and a publisher that is moved back gets
archived events again. Short transactions, beside the running service; the worker does the same every hour."""
EPILOG = """exit codes:
  0  done: all that is old enough and that nobody needs has been moved
  2  wrong usage
  3  stopped before that, by INT, TERM or --max-seconds
  4  the database cannot be reached; what had been moved stays moved"""


class Command(DescribedCommand):
    help = HELP
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("kinds", nargs="*", type=_kind, metavar="KIND", help=f"{', '.join(KINDS)}; default: all of them")
        days = ", ".join(f"{name} {days}" for name, days in settings.ARCHIVE_AFTER_DAYS.items())
        add("--older-than", type=_days, metavar="DAYS", help=f"default: as configured, {days}; 0 is never")
        add("--max-seconds", type=positive, help="stop after that, at the end of a chunk")
        add("--dry-run", action="store_true", help="only say how many")
        add("--json", action="store_true", dest="as_json")

    def handle(self, **options: Any) -> None:
        stopping = told_to_stop()
        until = time.monotonic() + options["max_seconds"] if options["max_seconds"] else None

        def stop() -> bool:
            return stopping.is_set() or (until is not None and time.monotonic() >= until)

        moved: dict[str, int] = {}
        try:
            for kind in [name for name in KINDS if name in (options["kinds"] or KINDS)]:
                days = options["older_than"] or settings.ARCHIVE_AFTER_DAYS[kind]
                before = clock.now() - datetime.timedelta(days=days)
                moved[kind] = KINDS[kind](before=before, stop=stop, dry_run=options["dry_run"]) if days else 0
        except (OperationalError, InterfaceError, Unavailable) as error:
            self.stderr.write(f"the database cannot be reached: {error}")
            sys.exit(DATABASE_UNAVAILABLE)
        self.stdout.write(json.dumps(moved) if options["as_json"] else _text(moved, dry_run=options["dry_run"]))
        if stop():
            sys.exit(STOPPED)


def _days(text: str) -> int:
    days = positive(text)
    if days > MAX_DAYS:
        raise ArgumentTypeError(f"{days:,} days are more than {MAX_DAYS:,}")
    return days


def _kind(text: str) -> str:
    if text not in KINDS:
        raise ArgumentTypeError(f"{text!r} is none of {', '.join(KINDS)}")
    return text


def _text(moved: dict[str, int], *, dry_run: bool) -> str:
    verb = "would be moved" if dry_run else "moved"
    return "\n".join(f"{name}: {count:,} {verb}" for name, count in moved.items())
