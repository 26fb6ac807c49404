"""manage.py demo_year: a subscription's year in seconds, and the invoices it has caused."""

import logging
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.kernel import correlation, money
from config.kernel.errors import DomainError
from config.management import actors
from config.management.demo.year import NotSettled, Year, invoices_of
from invoices.models import Invoice

DEFAULT_CURRENCY = "EUR"
HELP = """Walk one subscription through a year under the test clock and print its invoices. Business time moves on by
that year for everything in this database, for ever. It takes TEST_CLOCK and the provider simulator: `make run` has
both, in a terminal beside this one."""


class Command(BaseCommand):
    help = HELP

    def handle(self, **options: Any) -> None:
        if "simulated" not in settings.PROVIDERS:
            raise CommandError("The simulated provider is not configured here, so the money may be real.")
        if not settings.TEST_CLOCK:
            raise CommandError("Business time can only be moved where TEST_CLOCK is true, which production refuses.")
        logging.disable(logging.INFO)
        try:
            subscription_id = self._play()
        finally:
            logging.disable(logging.NOTSET)
        self.stdout.write(f"\nThe invoices of {subscription_id}:")
        for invoice in invoices_of(subscription_id):
            self.stdout.write("\n".join(_table(invoice)))

    def _play(self) -> str:
        try:
            with correlation.bind(correlation.accept_or_new(None)):
                return Year(
                    actor=actors.operator("demo_year"),
                    currency=settings.DEFAULT_CURRENCY or DEFAULT_CURRENCY,
                    say=self.stdout.write,
                ).play()
        except NotSettled as late:
            address = settings.PROVIDERS["simulated"]["base_url"]
            raise CommandError(f"{late} Does the simulator answer at {address}? `make run` starts it.") from late
        except DomainError as error:
            raise CommandError(error.detail) from error


def _table(invoice: Invoice) -> Iterator[str]:
    yield f"\n{invoice.created_at:%Y-%m-%d}  {invoice.id}  {invoice.status}"
    for line in sorted(invoice.lines.all(), key=lambda each: each.position):
        days = f"{line.starts_at:%d %b} to {line.ends_at:%d %b}" if line.starts_at and line.ends_at else ""
        yield f"    {line.description:<42} {days:<17} {money.display(line.amount, invoice.currency):>14}"
    yield f"    {'total':<60} {money.display(invoice.amount, invoice.currency):>14}"
    if invoice.amount_credited:
        yield f"    {'paid from credit':<60} {money.display(invoice.amount_credited, invoice.currency):>14}"
