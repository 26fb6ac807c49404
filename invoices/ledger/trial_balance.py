"""The trial balance: what all journals, or those of one day, add up to by account and currency."""

import datetime
from typing import NamedTuple

from django.db.models import CharField, Q, QuerySet, Sum, Value
from django.utils import timezone

from invoices.ledger.models import Entry, Journal


class Row(NamedTuple):
    """One account in one currency, in minor units: credits and what is in credit are negative.

    `balance` is None where it was not asked for.
    """

    currency: str
    account: str
    debits: int
    credits: int
    balance: int | None


def whole() -> list[Row]:
    """All that was ever booked. Reads the whole index of entries by account."""
    rows = Entry.objects.values_list("currency", "account").annotate(**_SIDES).order_by("currency", "account")
    return [Row(currency, account, debits, credits, debits + credits) for currency, account, debits, credits in rows]


def of_day(on: datetime.date, *, with_balance: bool = True) -> list[Row]:
    """What was booked on a day (of settings.TIME_ZONE), and how the accounts stood at its end.

    The day's journals are found by an index. The balance is all that was ever booked less what was booked later, so it
    costs as `whole` does and one look at each later journal. One statement, so nothing comes in between.
    """
    start = timezone.make_aware(datetime.datetime.combine(on, datetime.time()))
    end = timezone.make_aware(datetime.datetime.combine(on + datetime.timedelta(days=1), datetime.time()))
    day = _sums("day", Entry.objects.filter(journal__recorded_at__gte=start, journal__recorded_at__lt=end))
    parts = [_sums("all", Entry.objects.all()), _sums("later", Entry.objects.filter(journal__recorded_at__gte=end))]
    found: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for name, currency, account, debits, credits in day.union(*parts, all=True) if with_balance else day:
        found.setdefault((currency, account), {})[name] = (debits, credits)
    rows = []
    for (currency, account), sums in sorted(found.items()):
        debits, credits = sums.get("day", (0, 0))
        balance = sum(sums.get("all", (0, 0))) - sum(sums.get("later", (0, 0)))
        if debits or credits or balance:
            rows.append(Row(currency, account, debits, credits, balance if with_balance else None))
    return rows


def journals_after(on: datetime.date, *, at_most: int) -> int:
    """How many journals were booked after a day, counted no further than `at_most`."""
    end = timezone.make_aware(datetime.datetime.combine(on + datetime.timedelta(days=1), datetime.time()))
    return Journal.objects.filter(recorded_at__gte=end).order_by()[:at_most].count()


_SIDES = {
    "debits": Sum("amount", filter=Q(amount__gt=0), default=0),
    "credits": Sum("amount", filter=Q(amount__lt=0), default=0),
}


def _sums(name: str, entries: QuerySet[Entry]) -> QuerySet[Entry, tuple[str, str, str, int, int]]:
    said = Value(name, output_field=CharField())
    rows: QuerySet[Entry, tuple[str, str, str, int, int]]
    rows = entries.order_by().annotate(part=said).values_list("part", "currency", "account").annotate(**_SIDES)
    return rows
