"""manage.py tail_events: what happens, as it happens."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.management import arguments
from outbox.events import matches
from outbox.management.following import follow, until_stopped
from outbox.subscribers import cloudevents
from outbox.subscribers.base import PublishedEvent


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
        with until_stopped() as stopping:
            for events in follow(since=options["since"], once=options["once"], stopping=stopping, stderr=self.stderr):
                self._print(events, options)

    def _print(self, events: list[PublishedEvent], options: dict[str, Any]) -> None:
        for event in events:
            if _is_wanted(event, options):
                self.stdout.write(cloudevents.render(event) if options["as_json"] else _line(event))
        self.stdout.flush()


def _is_wanted(event: PublishedEvent, options: dict[str, Any]) -> bool:
    types, aggregates = options["types"], options["aggregate"]
    return (not types or matches(event.type, tuple(types))) and (not aggregates or event.aggregate_id in aggregates)


def _line(event: PublishedEvent) -> str:
    status = json.loads(event.data).get("status", "")
    parts = (event.occurred_at, event.type, event.aggregate_id, f"#{event.sequence}", status, event.actor, event.id)
    return "  ".join(part for part in parts if part)
