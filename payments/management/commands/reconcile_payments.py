"""`manage.py reconcile_payments`: a provider's own books beside ours, and what differs."""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any

import django.db
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.kernel import money
from config.kernel.errors import Conflict, Invalid, Unavailable
from config.management import arguments
from payments import services
from payments.models import Difference

EXIT_LEFT = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 3


class Command(BaseCommand):
    help = (
        "Read a provider's books over a window, book its fees and payouts, and print each difference with its mend. "
        "Exit codes: 0 nothing differs, or all of it is mended; 1 something is left for staff; 2 wrong usage; "
        "3 the books could not be read to the end: the same command goes on from there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--provider", default=settings.DEFAULT_PROVIDER, help="default: %(default)s")
        parser.add_argument(
            "--since", type=arguments.instant, help="from here on, UTC; default: three days before --until"
        )
        parser.add_argument(
            "--until", type=arguments.instant, help="up to, not including; default: the full hour an hour ago"
        )
        parser.add_argument("--dry-run", action="store_true", help="write nothing at all: say what would be done")
        parser.add_argument("--json", action="store_true", help="one JSON object per line, the summary last")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self._reconcile(options)
        except (services.SettlementInterrupted, Unavailable) as problem:
            raise CommandError(problem.detail, returncode=EXIT_INTERRUPTED) from problem
        except django.db.Error as problem:
            raise CommandError(f"The database does not answer: {problem}", returncode=EXIT_INTERRUPTED) from problem
        except OverflowError as problem:
            raise CommandError("The window lies outside the calendar.", returncode=EXIT_USAGE) from problem
        except (Conflict, Invalid) as problem:
            raise CommandError(problem.detail, returncode=EXIT_USAGE) from problem
        self._summarise(report, options)
        if report.left:
            sys.exit(EXIT_LEFT)

    def _reconcile(self, options: dict[str, Any]) -> services.SettlementReport:
        usual_since, usual_until = services.recent_window()
        until = options["until"] or usual_until
        return services.reconcile_settlement(
            provider=options["provider"],
            since=options["since"] or until - (usual_until - usual_since),
            until=until,
            dry_run=options["dry_run"],
            tell=lambda difference: self._print(difference, options),
        )

    def _print(self, difference: Difference, options: dict[str, Any]) -> None:
        if options["json"]:
            shown = {name: getattr(difference, name) for name in difference.SHOWN}
            instants = {name: getattr(difference, name) for name in ("booked_at", "resolved_at")}
            shown |= {name: instant.isoformat() if instant else None for name, instant in instants.items()}
            self.stdout.write(json.dumps(shown))
        else:
            self.stdout.write(_line(difference, is_dry_run=options["dry_run"]))

    def _summarise(self, report: services.SettlementReport, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(dataclasses.asdict(report)))
            return
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"{report.lines} lines read, {report.booked} fees and payouts {would}booked; differences:"
            f" {report.mended} {would}mended, {report.left} left for staff, {report.resolved} no longer found"
        )


def _line(difference: Difference, *, is_dry_run: bool) -> str:
    ours = f" ({difference.our_id})" if difference.our_id else ""
    expected = _amount(difference.expected_amount, difference.expected_currency)
    found = _amount(difference.found_amount, difference.found_currency)
    detail = f" {difference.detail}" if difference.detail else ""
    return (
        f"{difference.get_kind_display()}: {difference.subject} {difference.provider_reference}{ours},"
        f" ours {expected}, theirs {found}.{detail} [{_mend(difference, is_dry_run)}]"
    )


def _mend(difference: Difference, is_dry_run: bool) -> str:
    if difference.resolved_at:
        return f"mended: {difference.get_mend_display()}"
    return f"would be mended: {difference.get_mend_display()}" if is_dry_run and difference.mend else "for staff"


def _amount(amount: int | None, currency: str) -> str:
    return "nothing" if amount is None else money.display(amount, currency)
