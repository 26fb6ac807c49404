"""manage.py advance_clock: business time moves forward."""

import datetime
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kernel.errors import DomainError
from config.test_clock import services

UNITS = ("days", "hours", "minutes", "seconds")


class Command(BaseCommand):
    """Prints both times; with --json an object {old, new}."""

    help = "Move business time forward for every process on this database, for ever. TEST_CLOCK must be true."

    def add_arguments(self, parser: CommandParser) -> None:
        for unit in UNITS:
            parser.add_argument(f"--{unit}", type=int, default=0, metavar="N", help=f"How many {unit}; they add up.")
        parser.add_argument("--json", action="store_true", help="Print a JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            moved = services.advance(by=datetime.timedelta(**{unit: options[unit] for unit in UNITS}))
        except OverflowError as error:
            raise CommandError(f"That is more than {services.MOST.days} days.") from error
        except DomainError as error:
            raise CommandError(error.detail) from error
        old, new = (moment.isoformat(timespec="seconds") for moment in (moved.old, moved.new))
        self.stdout.write(json.dumps({"old": old, "new": new}) if options["json"] else f"{old} → {new}")
