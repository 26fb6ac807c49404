"""manage.py trigger_event: an event really happens, with everything that leads to it."""

import difflib
import sys
import time
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from config.kernel import correlation
from config.kernel.errors import DomainError, Unavailable
from config.management import actors, arguments
from config.management.triggers.recipes import IMPOSSIBLE, RECIPES
from config.management.triggers.world import SIMULATED, NotInTime, World, events_of, simulator_url
from outbox.models import OutboxEvent
from outbox.services import reading
from outbox.subscribers import cloudevents

EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_IN_TIME, EXIT_DATABASE_UNAVAILABLE, EXIT_INTERRUPTED = 1, 2, 3, 4, 130
DEFAULT_AMOUNT = 1250
DEFAULT_CURRENCY = "EUR"
DEFAULT_TIMEOUT_SECONDS = 30
LOOK_TIMEOUT_SECONDS = 2.0
RUNNING = "a worker, the scheduler or a relay, the web server, and the simulator: `make run` starts them all"
HELP = """Make an event of this type happen, with the rows and events that lead to it, and print it once it is in the
log. Only where the simulated provider is configured, so never in production. Exit codes: 0 it happened; 1 a service
refused; 2 wrong usage, or a type that cannot be brought about; 3 it did not come in time; 4 the database cannot be
reached."""


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("type", nargs="?", default="", help="payment.succeeded, or any other that --list names")
        add("--list", action="store_true", dest="only_list", help="say what can be made to happen, and how")
        add("--amount", type=arguments.positive, default=DEFAULT_AMOUNT, help="minor units")
        add("--currency", default=settings.DEFAULT_CURRENCY or DEFAULT_CURRENCY)
        add("--timeout-seconds", type=arguments.positive, default=DEFAULT_TIMEOUT_SECONDS, help="how long to wait")
        add("--json", action="store_true", dest="as_json", help="print it as a CloudEvent")

    def handle(self, **options: Any) -> None:
        if options["only_list"]:
            self.stdout.write(_list())
            return
        _check(options["type"])
        try:
            event = _trigger(options)
        except NotInTime as late:
            raise CommandError(str(late), returncode=EXIT_NOT_IN_TIME) from late
        except (OperationalError, InterfaceError, Unavailable) as error:
            raise CommandError(
                f"the database cannot be reached: {error}", returncode=EXIT_DATABASE_UNAVAILABLE
            ) from error
        except DomainError as error:
            raise CommandError(error.detail, returncode=EXIT_REFUSED) from error
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        self.stdout.write(_cloud_event(event) if options["as_json"] else _line(event))


def _check(type: str) -> None:
    """Raises CommandError for what will not happen here."""
    if SIMULATED not in settings.PROVIDERS:
        refusal = "Nothing is triggered here: the simulated provider is not configured, so the money may be real."
        raise CommandError(refusal, returncode=EXIT_USAGE)
    if type in RECIPES:
        return
    if type in IMPOSSIBLE:
        raise CommandError(f"{type} cannot be brought about: {IMPOSSIBLE[type]}.", returncode=EXIT_USAGE)
    close = difflib.get_close_matches(type, RECIPES)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise CommandError(f"There is no event {type!r}.{hint} --list names them all.", returncode=EXIT_USAGE)


def _trigger(options: dict[str, Any]) -> OutboxEvent:
    """Raises NotInTime, DomainError."""
    world = World(
        actor=actors.operator("trigger_event"),
        amount=options["amount"],
        currency=options["currency"],
        deadline=time.monotonic() + options["timeout_seconds"],
    )
    aggregate_id = ""
    try:
        with correlation.bind(correlation.accept_or_new(None)):
            aggregate_id = RECIPES[options["type"]](world)
        return world.until_numbered(aggregate_id, options["type"])
    except NotInTime as late:
        raise NotInTime(_explained(str(late), aggregate_id, options["type"])) from late


def _explained(what: str, aggregate_id: str, type: str) -> str:
    """What is missing, as far as it can be seen from here."""
    if aggregate_id and events_of(aggregate_id, type).exists():
        return f"{type} has happened, and nobody numbers it: run a relay, or the scheduler and a worker."
    there = "answers" if _simulator_answers() else "does not answer"
    return f"{what} It takes {RUNNING}. The simulator {there} at {settings.PROVIDERS[SIMULATED]['base_url']}."


def _simulator_answers() -> bool:
    try:
        return httpx.get(simulator_url("health"), timeout=LOOK_TIMEOUT_SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _list() -> str:
    width = max(map(len, RECIPES))
    possible = [f"{type:<{width}}  {recipe.__doc__}" for type, recipe in sorted(RECIPES.items())]
    impossible = [f"{type:<{width}}  {why}" for type, why in sorted(IMPOSSIBLE.items())]
    return "\n".join([*possible, "", "Not on demand:", *impossible])


def _line(event: OutboxEvent) -> str:
    parts = (event.occurred_at.isoformat(), event.type, event.aggregate_id, f"#{event.sequence}", event.id)
    return "  ".join(parts)


def _cloud_event(event: OutboxEvent) -> str:
    assert event.position is not None
    [published] = reading.published(shard=event.shard, after=event.position - 1, limit=1)
    return cloudevents.render(published)
