"""`manage.py verify_books`: proof that money, books and log are right, or the names of what is not."""

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.verification import snapshot
from config.verification.verifying import CHECKS, verify
from config.verification.violations import Report

TELL_EVERY_SECONDS = 0.2
BAR = 30


class Command(BaseCommand):
    """Reads everything, changes nothing, and may run at any time beside the service."""

    help = "Check every invariant over the whole database, in one consistent snapshot. Fails naming each violation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = "; ".join(f"{name}: {what}" for name, what in CHECKS.items())
        parser.add_argument(
            "--check", nargs="+", choices=CHECKS, metavar="NAME", default=list(CHECKS), help=f"only these of: {names}"
        )
        parser.add_argument("--limit", type=int, default=20, help="how many violations of each check are listed")
        parser.add_argument("--json", action="store_true", help="write one JSON document")

    def handle(self, *args: Any, check: list[str], limit: int, **options: Any) -> None:
        started = time.monotonic()
        report = Report(check, limit)
        with snapshot.taken() as moment:
            verify(moment, report, _Bar())
        seconds = time.monotonic() - started
        self.stdout.write(_document(report, seconds) if options["json"] else _text(report, seconds))
        if report.total:
            raise CommandError(f"{report.total:,} violations of {', '.join(sorted(report.counts))}")


class _Bar:
    """On a terminal, one line that is written over and over; else nothing."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._told = 0.0
        self._stage, self._began = "", 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began = stage, now
        is_over = done >= total
        if not self._is_shown or (now - self._told < TELL_EVERY_SECONDS and not is_over):
            return
        self._told = now
        share = min(done / total, 1.0) if total else 1.0
        left = f"{(now - self._began) * (1 - share) / share:.0f} s left" if share else ""
        filled = "#" * int(share * BAR)
        sys.stderr.write(f"\r\033[K[{filled:<{BAR}}] {stage}: {done:,} of {total:,} {left}")
        if is_over:
            sys.stderr.write("\r\033[K")
        sys.stderr.flush()


def _text(report: Report, seconds: float) -> str:
    lines = [str(violation) for violation in report.violations]
    for name, count in sorted(report.counts.items()):
        lines.append(f"{name}: {count:,} violations")
    verdict = f"{report.total:,} violations" if report.total else "everything holds"
    return "\n".join([*lines, f"{len(report.checks)} checks in {seconds:.1f} s: {verdict}"])


def _document(report: Report, seconds: float) -> str:
    violations = [
        {"check": each.check, "subject": each.subject, "expected": str(each.expected), "found": str(each.found)}
        for each in report.violations
    ]
    counts = {name: report.counts[name] for name in sorted(report.checks)}
    document = {"total": report.total, "counts": counts, "violations": violations, "seconds": round(seconds, 3)}
    return json.dumps(document, indent=2)
