"""The rows of customers and invoices by their number, the same for a seed and batch but for times and ids."""

import datetime
import random
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings

from config.kernel import ids
from config.volume import scenarios
from config.volume.bulk_insert import Rows
from config.volume.customer_history import CustomerHistory
from config.volume.invoice_history import DAY, Id, Ids, InvoiceHistory, InvoiceTerms, Line
from config.volume.scenarios import Context
from payments.providers import registry as providers

MONTHS = 12
LATEST_DAYS_AGO = 15
"""By then every history has ended: the longest takes about this long."""
CURRENCIES = {"EUR": 70, "USD": 20, "JPY": 10}
TAXES = {0: 50, 19: 35, 7: 15}
"""Percent on top, for all lines of an invoice, and how often."""
CREDIT_EACH = 10
"""One customer of so many has been granted credit, and has not used it."""
PRODUCTS = ["Subscription", "Seats", "Support", "Usage", "Setup", "Training", "Storage", "Transfer"]


class Totals(NamedTuple):
    invoices: int
    customers: int


class Generator:
    """Call `customers` for all of them, in order, then `invoices` in any order: each batch has its own randomness."""

    def __init__(self, totals: Totals, seed: int, now: datetime.datetime) -> None:
        self._totals, self._seed = totals, seed
        self._rng = random.Random()
        self._ids = Ids(self._rng)
        self._context = _context(int(now.timestamp() * 1000))
        # Told apart from other runs' by the moment, in letters: fifteen digits look like a card number.
        self._tag = ids.earliest("run", now).removeprefix("run_")[:10]
        self._customers: list[Id] = []

    def customers(self, numbers: Sequence[int]) -> Rows:
        """Each comes into being when the first invoice is issued that may be theirs."""
        rows = Rows()
        self._rng.seed(f"customers {self._seed} {numbers[0]}")
        for number in numbers:
            first_invoice = number * self._totals.invoices // self._totals.customers
            self._add_customer(rows, number + 1, self._issued_at(first_invoice))
        return rows

    def invoices(self, numbers: Sequence[int]) -> Rows:
        """With their lines, payments, receipts, journals, provider events and events."""
        rows = Rows()
        self._rng.seed(f"invoices {self._seed} {numbers[0]}")
        for number in numbers:
            history = InvoiceHistory(rows, self._ids, self._rng, self._terms(number))
            scenarios.apply_any(history, self._context, self._rng)
        return rows

    def _add_customer(self, rows: Rows, number: int, created_at: int) -> None:
        self._ids.restart()
        customer = self._ids.new("cus", created_at)
        self._customers.append(customer)
        history = CustomerHistory(rows, self._ids, customer, created_at)
        history.create(f"Customer {number}", f"customer-{self._tag}-{number}@example.com")
        if number % CREDIT_EACH == 1:
            history.grant_credit(self._rng.randint(1, 10_000), "EUR")
        history.finish()

    def _terms(self, number: int) -> InvoiceTerms:
        reference = f"{self._tag}-{number + 1}"
        known_customers = number * self._totals.customers // self._totals.invoices + 1
        return InvoiceTerms(
            issued_at=self._issued_at(number),
            number=f"V{reference}",
            order_id=f"order-{reference}" if self._rng.random() < 0.3 else None,
            customer=self._customers[self._rng.randrange(known_customers)],
            currency=self._rng.choices(list(CURRENCIES), list(CURRENCIES.values()))[0],
            lines=self._lines(),
        )

    def _issued_at(self, number: int) -> int:
        """Unix milliseconds: evenly over the months, in order; the latest has had the time to end."""
        span = MONTHS * 30 * DAY
        return self._context.now - LATEST_DAYS_AGO * DAY - span + span * number // self._totals.invoices

    def _lines(self) -> list[Line]:
        percent = self._rng.choices(list(TAXES), list(TAXES.values()))[0]
        return [self._line(percent) for _ in range(self._rng.choice([1, 1, 1, 2, 2, 3, 5]))]

    def _line(self, percent: int) -> Line:
        quantity = self._rng.choice([1, 1, 1, 2, 10])
        unit_amount = int(min(self._rng.lognormvariate(8, 1), 10_000_000)) + 1
        return Line(self._rng.choice(PRODUCTS), quantity, unit_amount, quantity * unit_amount * percent // 100)


def _context(now: int) -> Context:
    """Cards go to the default provider where that settles itself, else everything is a bank transfer."""
    default = providers.get(settings.DEFAULT_PROVIDER)
    by_hand = [provider for provider in map(providers.get, settings.PROVIDERS) if not provider.settles_itself]
    return Context(card=default, bank=by_hand[0] if by_hand else default, now=now)
