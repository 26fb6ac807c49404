"""manage.py tail_events: what happens, as it happens."""

import datetime
import fnmatch
import json
import os
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connection

from config.management import arguments
from outbox.services import tailing
from outbox.services.tailing import Positions
from outbox.subscribers import cloudevents
from outbox.subscribers.base import PublishedEvent

POLL_SECONDS = 0.2
DATABASE_RETRY_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Print events as they are numbered, until INT or TERM. Reads the log only: no subscriber gets anything later "
        "or twice for it. Order is kept within an invoice or customer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--type", action="append", dest="types", help="wildcards as in invoice.*; repeatable")
        parser.add_argument("--aggregate", action="append", metavar="ID", help="of this invoice or customer")
        parser.add_argument("--since", type=arguments.instant, help="begin with what was recorded then, and not now")
        parser.add_argument("--once", action="store_true", help="end when everything up to now has been printed")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one CloudEvent per line")

    def handle(self, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        try:
            self._tail(stopping, options)
        except BrokenPipeError:
            # Python would say so once more when it flushes standard output at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _tail(self, stopping: threading.Event, options: dict[str, Any]) -> None:
        positions: Positions = {}
        while not stopping.is_set():
            try:
                positions = positions or _beginning(options["since"])
                events = tailing.read_on(positions)
            except (OperationalError, InterfaceError) as error:
                self.stderr.write(f"the database cannot be reached, trying again: {error}")
                connection.close()
                stopping.wait(DATABASE_RETRY_SECONDS)
                continue
            self._print(events, options)
            if options["once"] and not events:
                return
            if not events:
                stopping.wait(POLL_SECONDS)

    def _print(self, events: list[PublishedEvent], options: dict[str, Any]) -> None:
        for event in events:
            if _is_wanted(event, options):
                self.stdout.write(cloudevents.render(event) if options["as_json"] else _line(event))
        self.stdout.flush()


def _beginning(since: datetime.datetime | None) -> Positions:
    return tailing.heads() if since is None else tailing.positions_before(since)


def _is_wanted(event: PublishedEvent, options: dict[str, Any]) -> bool:
    types, aggregates = options["types"], options["aggregate"]
    return (not types or any(fnmatch.fnmatchcase(event.type, pattern) for pattern in types)) and (
        not aggregates or event.aggregate_id in aggregates
    )


def _line(event: PublishedEvent) -> str:
    status = json.loads(event.data).get("status", "")
    parts = (event.occurred_at, event.type, event.aggregate_id, f"#{event.sequence}", status, event.actor, event.id)
    return "  ".join(part for part in parts if part)
