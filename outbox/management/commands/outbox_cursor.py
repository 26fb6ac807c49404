"""manage.py outbox_cursor: how far each subscriber has come, moving a publisher back, forgetting one that is gone."""

import dataclasses
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from config.kernel.errors import DomainError, Unavailable
from config.management import actors, arguments
from outbox import services
from outbox.services import SubscriberStatus, Target

EXIT_DONE = 0
EXIT_USAGE = 2
EXIT_NOTHING_TO_SEND = 3
EXIT_DATABASE_UNAVAILABLE = 4
_COLUMNS = ("subscriber", "shards", "lag", "oldest age", "held", "given up", "backing off", "leased")


class Command(BaseCommand):
    help = (
        "Show how far every subscriber has come, send a publisher again what it has had, or forget one that is gone. "
        "Exit codes: 0 done; 2 wrong usage, a subscriber or event that there is not; 3 nothing would be sent again; "
        "4 the database cannot be reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        show = commands.add_parser("show", help="events behind, held and leased, per subscriber")
        show.add_argument("--json", action="store_true", dest="as_json")
        rewind = commands.add_parser("rewind", help="move a publisher back; its events are sent again in order")
        rewind.add_argument("subscriber")
        target = rewind.add_mutually_exclusive_group(required=True)
        target.add_argument("--all", action="store_true", help="to the beginning")
        target.add_argument("--to-event", default="", metavar="ID", help="this one first; its shard alone moves")
        target.add_argument(
            "--since",
            type=arguments.instant,
            help="to the first events that happened at or after this ISO 8601 instant, UTC",
        )
        rewind.add_argument("--aggregate", default="", metavar="ID", help="only the shard of this one")
        rewind.add_argument("--reason", type=arguments.reason, help="why, for the log; needed without --dry-run")
        rewind.add_argument("--dry-run", action="store_true", help="only say how many events would be sent again")
        rewind.add_argument("--json", action="store_true", dest="as_json")
        forget = commands.add_parser("forget", help="a subscriber that no running process has in its settings any more")
        forget.add_argument("subscriber")
        forget.add_argument("--reason", type=arguments.reason, required=True, help="why, for the log")

    def handle(self, **options: Any) -> None:
        perform = {"show": self._show, "rewind": self._rewind, "forget": self._forget}[options["command"]]
        try:
            code = perform(options)
        except (OperationalError, InterfaceError, Unavailable) as error:
            self.stderr.write(f"the database cannot be reached: {error}")
            code = EXIT_DATABASE_UNAVAILABLE
        except DomainError as error:
            raise CommandError(error.detail, returncode=EXIT_USAGE) from error
        if code:
            sys.exit(code)

    def _show(self, options: dict[str, Any]) -> int:
        standing = services.status()
        if options["as_json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(each) for each in standing]))
            return EXIT_DONE
        rows = [_COLUMNS, *(_row(each) for each in standing)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return EXIT_DONE

    def _rewind(self, options: dict[str, Any]) -> int:
        if options["to_event"] and options["aggregate"]:
            raise CommandError("--to-event names its aggregate already", returncode=EXIT_USAGE)
        if not options["dry_run"] and not options["reason"]:
            raise CommandError("say why with --reason", returncode=EXIT_USAGE)
        target = Target(event_id=options["to_event"], since=options["since"], aggregate_id=options["aggregate"])
        if options["dry_run"]:
            found = services.preview_rewind(subscriber=options["subscriber"], target=target)
        else:
            actor = actors.operator("outbox_cursor")
            found = services.rewind(
                subscriber=options["subscriber"], target=target, actor=actor, reason=options["reason"]
            )
        if options["as_json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **dataclasses.asdict(found)}))
        else:
            verb = "would be" if options["dry_run"] else "will be"
            self.stdout.write(
                f"{found.events} events of {found.shards} shards {verb} sent to {options['subscriber']} again, "
                f"{found.held} of them held until now"
            )
        return EXIT_DONE if found.shards else EXIT_NOTHING_TO_SEND

    def _forget(self, options: dict[str, Any]) -> int:
        name = options["subscriber"]
        services.forget(subscriber=name, actor=actors.operator("outbox_cursor"), reason=options["reason"])
        self.stdout.write(f"{name} is forgotten; configured again, it would begin anew")
        return EXIT_DONE


def _row(status: SubscriberStatus) -> tuple[str, ...]:
    age = "-" if status.oldest_age_seconds is None else f"{status.oldest_age_seconds:.0f} s"
    counts = (status.held, status.given_up, status.backing_off, status.leased)
    return (status.subscriber, str(status.shards), str(status.lag), age, *map(str, counts))
