"""`manage.py seed_volume`: a database as full as after years of use, to try speed, pages and upgrades on."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.settings.env import StrictEnv, env
from config.volume.seeding import Plan, Progress, seed

MAX_INVOICES = 10_000_000
MAX_BATCH = 10_000
TELL_EVERY_SECONDS = 5


class Command(BaseCommand):
    """Adds to what is there, so an interrupted run is completed by another one over the rest."""

    help = "Add invoices in every state, with customers, payments, receipts, books, webhooks and events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--invoices", type=_number(MAX_INVOICES), required=True, help="how many to add")
        parser.add_argument("--customers", type=_number(MAX_INVOICES), help="default: a fifth of the invoices")
        parser.add_argument("--seed", type=int, default=1, help="the same seed: the same stories, other times and ids")
        parser.add_argument("--batch", type=_number(MAX_BATCH), default=500, help="invoices per transaction")
        parser.add_argument("--even-in-production", action="store_true", help="fill a production database all the same")

    def handle(self, *args: Any, even_in_production: bool, **options: Any) -> None:
        if isinstance(env, StrictEnv) and not even_in_production:
            raise CommandError("These are production settings: invented invoices would stay for good. See --help.")
        invoices, customers = options["invoices"], options["customers"] or -(-options["invoices"] // 5)
        if customers > invoices:
            raise CommandError("--customers: there cannot be more customers than invoices.")
        plan = Plan(invoices=invoices, customers=customers, seed=options["seed"], batch=options["batch"])
        self._run(plan)

    def _run(self, plan: Plan) -> None:
        started = told = time.monotonic()
        progress = Progress()
        for progress in seed(plan):
            if time.monotonic() - told >= TELL_EVERY_SECONDS:
                told = time.monotonic()
                self.stdout.write(_line(plan, progress, told - started))
        self.stdout.write(_line(plan, progress, time.monotonic() - started))


def _line(plan: Plan, progress: Progress, seconds: float) -> str:
    rest = seconds / progress.invoices * (plan.invoices - progress.invoices)
    return (
        f"{progress.invoices:,} of {plan.invoices:,} invoices, {progress.rows:,} rows, "
        f"{progress.rows / seconds:,.0f} rows/s, {seconds:.0f} s, {rest:.0f} s left"
    )


def _number(most: int) -> Callable[[str], int]:
    """An argparse type: 1 to `most`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
            raise ArgumentTypeError(f"a number from 1 to {most:,} is needed, not {text}")
        return int(text)

    return parse
