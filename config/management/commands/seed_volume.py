"""`manage.py seed_volume`: a database as full as after years of use, to try speed, pages and upgrades on."""

import os
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config.settings.env import StrictEnv, env
from config.volume.seeding import Plan, Progress, seed

MAX_INVOICES = 10_000_000
MAX_BATCH = 10_000
MAX_PROCESSES = 8
"""They take turns at numbering events, so more would wait for each other."""
TELL_EVERY_SECONDS = 5


class Command(BaseCommand):
    """Adds to what is there, so an interrupted run is completed by another one over the rest."""

    help = "Add invoices in every state, with customers, payments, receipts, books, webhooks and events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--invoices", type=_number(MAX_INVOICES), required=True, help="how many to add")
        parser.add_argument("--customers", type=_number(MAX_INVOICES), help="default: a fifth of the invoices")
        parser.add_argument("--seed", type=int, default=1, help="the same seed: the same data, other times and ids")
        parser.add_argument("--batch", type=_number(MAX_BATCH), default=500, help="invoices per transaction")
        parser.add_argument("--processes", type=_number(MAX_PROCESSES), default=_processes(), help="that write at once")
        parser.add_argument("--force", action="store_true", help="run with production settings too")

    def handle(self, *args: Any, force: bool, **options: Any) -> None:
        if isinstance(env, StrictEnv) and not force:
            raise CommandError("These are production settings: invented invoices would stay for good. --force does it.")
        invoices, customers = options["invoices"], options["customers"] or -(-options["invoices"] // 5)
        if customers > invoices:
            raise CommandError("--customers: there cannot be more customers than invoices.")
        chosen = {name: options[name] for name in ("seed", "batch", "processes")}
        self._run(Plan(invoices=invoices, customers=customers, **chosen))

    def _run(self, plan: Plan) -> None:
        started = told = time.monotonic()
        progress = Progress()
        for progress in seed(plan):
            if time.monotonic() - told >= TELL_EVERY_SECONDS:
                told = time.monotonic()
                self.stdout.write(_line(plan, progress, told - started))
        self.stdout.write(_line(plan, progress, time.monotonic() - started))


def _processes() -> int:
    """SQLite has one writer."""
    return 1 if connection.vendor == "sqlite" else min(os.cpu_count() or 1, MAX_PROCESSES)


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
