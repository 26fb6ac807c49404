"""`manage.py trial_balance`: what each account has, of all time or at the end of a day."""

import contextlib
import datetime
import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import money
from invoices.ledger import trial_balance
from invoices.ledger.trial_balance import Row


class Command(BaseCommand):
    """Fails when the books do not balance, so that a script notices."""

    help = "Debits, credits and balance of every account, by currency; of one day: what it added, and its end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--on", type=_day, metavar="DATE", help="a day (UTC), as 2026-11-21")
        parser.add_argument("--json", action="store_true", help="write one JSON array, amounts in minor units")

    def handle(self, *args: Any, on: datetime.date | None, **options: Any) -> None:
        rows = trial_balance.whole() if on is None else trial_balance.of_day(on)
        if options["json"]:
            self.stdout.write(json.dumps([row._asdict() for row in rows], indent=2))
        else:
            for row in rows:
                self.stdout.write(_line(row))
        for currency in sorted({row.currency for row in rows}):
            off = sum(row.balance or 0 for row in rows if row.currency == currency)
            if off:
                raise CommandError(f"The books are off by {money.display(off, currency)}.")


def _line(row: Row) -> str:
    shown = [money.display(amount, row.currency) for amount in (row.debits, -row.credits, row.balance or 0)]
    return f"{row.account:<30}" + "".join(f"{amount:>26}" for amount in shown)


def _day(text: str) -> datetime.date:
    with contextlib.suppress(ValueError):
        if (day := datetime.date.fromisoformat(text)) < datetime.date.max:
            return day
    raise ArgumentTypeError(f"a day such as 2026-11-21 is needed, not {text}")
