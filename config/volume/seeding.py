"""Seeding: invoices with all they bring along, in batches that are each one transaction, beside a system that runs."""

import dataclasses
import itertools
import json
import random
from collections.abc import Iterator, Sequence

from django.conf import settings

from config.kernel import clock, db, ids
from config.volume import plots, tables
from config.volume.plots import Cast
from config.volume.stories import DAY, MERCHANT_ACTOR, Ids, Line, Story, Terms, instant
from config.volume.tables import Row, Rows
from outbox.models import SEQUENCER, Cursor
from outbox.services import leases
from outbox.services.record import shard_of
from outbox.subscribers import registry as subscribers
from payments.providers import registry as providers

MONTHS = 12
LATEST_DAYS_AGO = 15
"""By then every story has ended: the longest takes about this long."""
CURRENCIES = {"EUR": 70, "USD": 20, "JPY": 10}
WARES = ["Subscription", "Seats", "Support", "Usage", "Setup", "Training", "Storage", "Transfer"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """`customers` are spread over the invoices; `seed` makes two runs alike but for their times and ids."""

    invoices: int
    customers: int
    seed: int
    batch: int = 500


@dataclasses.dataclass
class Progress:
    invoices: int = 0
    rows: int = 0


def seed(plan: Plan) -> Iterator[Progress]:
    """Add what the plan says to what is there, and tell the progress after each batch. Safe to stop after any of them.

    Events are sequenced when they are written, and whoever has heard all events so far is taken to have heard them.
    """
    leases.create_missing_cursors(subscribers=subscribers.configured().values())
    progress = Progress()
    author = _Author(plan)
    for first in range(0, plan.invoices, plan.batch):
        rows = author.write(range(first, min(first + plan.batch, plan.invoices)))
        progress.rows += _store(rows=rows)
        progress.invoices = min(first + plan.batch, plan.invoices)
        yield progress
    tables.analyze()


class _Author:
    """Makes the rows. Whoever is invoiced first comes into being a moment before."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = random.Random(plan.seed)
        self._ids = Ids(self._rng)
        now = clock.now()
        self._cast = _cast(int(now.timestamp() * 1000))
        # Told apart from other runs' by the moment, in letters: fifteen digits look like a card number.
        self._tag = ids.earliest("run", now).removeprefix("run_")[:10]
        self._customers: list[tuple[str, str]] = []

    def write(self, numbers: Sequence[int]) -> Rows:
        rows = Rows()
        for number in numbers:
            story = Story(rows, self._ids, self._rng, self._terms(rows, number))
            plots.play(story, self._cast, self._rng)
        return rows

    def _terms(self, rows: Rows, number: int) -> Terms:
        started = self._started(number)
        if len(self._customers) * self._plan.invoices <= number * self._plan.customers:
            self._add_customer(rows, started)
        text, digits = self._rng.choice(self._customers)
        reference = f"{self._tag}-{number + 1}"
        return Terms(
            started=started,
            number=f"V{reference}",
            order_id=f"order-{reference}" if self._rng.random() < 0.3 else None,
            customer=text,
            customer_digits=digits,
            currency=self._rng.choices(list(CURRENCIES), list(CURRENCIES.values()))[0],
            lines=[self._line() for _ in range(self._rng.choice([1, 1, 1, 2, 2, 3, 5]))],
        )

    def _started(self, number: int) -> int:
        """Evenly over the months, in order; the latest has had the time to end."""
        span = MONTHS * 30 * DAY
        return self._cast.now - LATEST_DAYS_AGO * DAY - span + span * number // self._plan.invoices

    def _line(self) -> Line:
        cents = int(min(self._rng.lognormvariate(8, 1), 10_000_000)) + 1
        return Line(self._rng.choice(WARES), self._rng.choice([1, 1, 1, 2, 10]), cents)

    def _add_customer(self, rows: Rows, at: int) -> None:
        self._ids.restart()
        customer = self._ids.at("cus", at)
        name = f"Customer {len(self._customers) + 1}"
        email = f"customer-{self._tag}-{len(self._customers) + 1}@example.com"
        self._customers.append((customer.text, customer.digits))
        rows.add(tables.CUSTOMERS, customer.digits, name, email, instant(at), 1)
        rows.add(
            tables.EVENTS,
            *[self._ids.at("evt", at).digits, "customer.created"],
            *[json.dumps({"customer": customer.text, "name": name, "email": email}), "customer", customer.text],
            *[1, MERCHANT_ACTOR, "", self._ids.at("req", at).text, instant(at), shard_of(customer.text)],
        )


def _cast(now: int) -> Cast:
    """Cards go to the default provider where that settles itself, else everything is a bank transfer."""
    default = providers.get(settings.DEFAULT_PROVIDER)
    by_hand = [provider for provider in map(providers.get, settings.PROVIDERS) if not provider.settles_itself]
    return Cast(card=default, bank=by_hand[0] if by_hand else default, now=now)


@db.transaction(idempotent=False)
def _store(*, rows: Rows) -> int:
    """All rows, and the cursors that go with them; events last, because nobody else numbers any meanwhile.

    How many rows there were.
    """
    written = sum(table.insert(rows.of(table)) for table in tables.IN_ORDER)
    cursors = list(Cursor.objects.select_for_update().order_by("subscriber", "shard"))
    heads = {cursor.shard: cursor.position for cursor in cursors if cursor.subscriber == SEQUENCER}
    events, ends = _numbered(rows.of(tables.EVENTS), heads)
    up_to_date = [cursor for cursor in cursors if cursor.position == heads[cursor.shard]]
    for cursor in up_to_date:
        cursor.position = ends[cursor.shard]
    Cursor.objects.bulk_update(up_to_date, ["position"])
    return written + tables.EVENTS.insert(events)


def _numbered(events: Sequence[Row], heads: dict[int, int]) -> tuple[list[Row], dict[int, int]]:
    """Every event with its position, and the last position of each shard."""
    counters = {shard: itertools.count(head + 1) for shard, head in heads.items()}
    numbered = [(*event, next(counters[event[-1]])) for event in events]
    ends = {shard: next(counter) - 1 for shard, counter in counters.items()}
    return numbered, ends
