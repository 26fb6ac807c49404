"""Subscriptions and what was used of them: their logs, their periods, their counters."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from config.verification import dossiers, histories
from config.verification.dossiers import EventRow, public
from config.verification.snapshot import Snapshot
from config.verification.violations import Violation


class SubscriptionRow(NamedTuple):
    id: str
    status: str
    customer_id: str
    period: int


class BilledRow(NamedTuple):
    subscription_id: str
    period: int | None
    customer_id: str | None


def judged(snapshot: Snapshot, after: str, last: str) -> Iterator[Violation]:
    """Of the subscriptions after one up to another: each log, each step of the machine, each period billed once."""
    rows = _rows(snapshot, after, last)
    for log in dossiers.logs(snapshot, "sub", "billing_subscription", after, last):
        yield from histories.log(log)
        row = rows.get(log.aggregate_id)
        if row is not None and not log.has_gaps():
            states = {("subscription", log.aggregate_id): row.status}
            yield from histories.steps(_own(log.events), states)
    billed: dict[str, list[BilledRow]] = defaultdict(list)
    for each in _billed(snapshot, after, last):
        billed[public("sub", each.subscription_id)].append(each)
    for name, row in rows.items():
        yield from _periods(name, row, billed[name])


def counters(snapshot: Snapshot, after: str, last: str) -> Iterator[Violation]:
    """Of counters of usage: their logs, and that each is what its records add up to."""
    for log in dossiers.logs(snapshot, "usg", "billing_usagecounter", after, last):
        yield from histories.log(log)
    for id, used, recorded in snapshot.rows(
        "SELECT c.id, c.used, c.carried + COALESCE(SUM(r.delta), 0) FROM billing_usagecounter c"
        " LEFT JOIN billing_usagerecord r ON r.counter_id = c.id WHERE c.id > %s AND c.id <= %s"
        " GROUP BY c.id, c.used, c.carried",
        after,
        last,
    ):
        if used != recorded:
            adds_up = f"{recorded}, as what it began with and its records add up to"
            yield Violation("usage", public("usg", id), adds_up, str(used))


def _own(events: list[EventRow]) -> list[EventRow]:
    return [event for event in events if event.type.startswith("subscription.")]


def _periods(name: str, row: SubscriptionRow, billed: list[BilledRow]) -> Iterator[Violation]:
    numbers = sorted(each.period for each in billed if each.period is not None)
    if numbers != [*range(1, row.period + 1)]:
        yield Violation("periods", name, f"an invoice for each of its {row.period} periods", f"for {numbers}")
    if any(each.customer_id != row.customer_id for each in billed):
        yield Violation("references", name, "invoices of its customer", "one of somebody else's")


def _rows(snapshot: Snapshot, after: str, last: str) -> dict[str, SubscriptionRow]:
    columns = ", ".join(SubscriptionRow._fields)
    found = snapshot.rows(f"SELECT {columns} FROM billing_subscription WHERE id > %s AND id <= %s", after, last)
    return {public("sub", row[0]): SubscriptionRow._make(row) for row in found}


def _billed(snapshot: Snapshot, after: str, last: str) -> Iterator[BilledRow]:
    rows = snapshot.rows(
        "SELECT s.subscription_id, s.period, i.customer_id FROM billing_subscriptioninvoice s"
        " JOIN invoices_invoice i ON i.id = s.invoice_id WHERE s.subscription_id > %s AND s.subscription_id <= %s",
        after,
        last,
    )
    return map(BilledRow._make, rows)
