"""All checks, by their names, run over one snapshot."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from django.db import models

from config.kernel.fields import PrefixedIdField
from config.verification import (
    card_numbers,
    credits,
    dossiers,
    histories,
    journals,
    money,
    subscriptions,
    wholes,
)
from config.verification.dossiers import Dossier
from config.verification.snapshot import HIGHEST, LOWEST, Snapshot
from config.verification.violations import Report, Violation

CHECKS = {
    "lines": "an invoice's lines add up to its amount and tax, in their order; only what takes back is negative",
    "reversals": "no line is taken back further than it charges, and only for its own customer",
    "live_payment": "an invoice has at most one live payment, and is processing exactly while it has one",
    "attempts": "an invoice's payments are numbered without a gap, and counted",
    "retries": "the next payment is planned only for open invoices",
    "amount_paid": "what has paid an invoice is what its receipts applied, with credit all of it when it is paid",
    "amount_credited": "what credit has paid of an invoice is what was applied to it and not returned",
    "credit_balance": "each credit entry says what there is after it, and never less than nothing",
    "credit_books": "credit by hand has its journal, and the books hold what customers have in credit",
    "amount_refunded": "what counts as refunded is what succeeded refunds gave back",
    "captures": "a payment that succeeded has its receipt",
    "double_charge": "a payment has paid no more than it is over: a second capture goes back or waits for staff",
    "receipt_parts": "each cent of a receipt is in one place, and its status says so",
    "refund_reservations": "what is reserved and gone of a receipt is what its refunds are, and no more than it has",
    "references": "what refers to each other belongs together, and is there",
    "journal_balance": "every journal balances per currency",
    "journal_missing": "every fact that moves money has its journal",
    "journal_unexpected": "every journal has its fact",
    "journal_entries": "every journal has the accounts and amounts of its fact, tax included",
    "periods": "each period of a subscription is billed once, and no other",
    "usage": "what is counted as used is what its records add up to",
    "event_sequence": "each aggregate's events are numbered from 1 without a gap",
    "event_actor": "each event says who did it",
    "event_correlation": "each event has a correlation id",
    "event_transitions": "each machine went only where it may, one event for each step, and never out of a final state",
    "event_status": "each status is the one that the latest event tells",
    "positions": "each shard of the log is numbered without a gap, aggregates in order, and nobody has read further",
    "inbox_age": "no provider event waits beyond its age",
    "append_only": "the database refuses changes to the books",
    "card_numbers": "no text holds a card number",
}
"""What must hold, by the name of its check."""

MONEY = (
    money.lines,
    money.reversals,
    money.live_payment,
    money.attempts,
    money.amounts_paid,
    money.amounts_refunded,
    money.captures,
    money.receipts,
    journals.journals,
    histories.transitions,
)
"""Of invoices that are there; what each says is left out unless it is asked for."""
OF_INVOICES = frozenset(CHECKS) - {"inbox_age", "append_only", "card_numbers"}
CHUNK = 1000
TEXT_CHUNK = 20_000
"""Rows that are in memory at a time: an invoice brings about twenty along; of texts only suspicious ones come."""

Progress = Callable[[str, int, int], None]
"""Hears of (stage, rows done, rows in all), now and then."""


class Stage(NamedTuple):
    """Work that yields (rows done, violations) range by range."""

    name: str
    table: str
    steps: Iterator[tuple[int, Iterator[Violation]]]


def verify(snapshot: Snapshot, report: Report, progress: Progress) -> None:
    """Run what `report` wants to hear of."""
    for stage in _stages(snapshot, report.checks):
        total = snapshot.value(f"SELECT COUNT(*) FROM {stage.table}")
        done = 0
        progress(stage.name, done, total)
        for rows, violations in stage.steps:
            report.add(violations)
            done += rows
            progress(stage.name, done, total)


def _stages(snapshot: Snapshot, checks: frozenset[str]) -> Iterator[Stage]:
    if checks & OF_INVOICES:
        yield Stage("invoices", "invoices_invoice", _invoices(snapshot))
        yield Stage("customers", "invoices_customer", _customers(snapshot))
        yield Stage("plans", "billing_plan", _logs(snapshot, "plan", "billing_plan"))
        yield Stage(
            "subscriptions", "billing_subscription", _judged(snapshot, "billing_subscription", subscriptions.judged)
        )
        yield Stage("usage", "billing_usagecounter", _judged(snapshot, "billing_usagecounter", subscriptions.counters))
        yield Stage("webhook endpoints", "outbound_endpoint", _logs(snapshot, "whe", "outbound_endpoint"))
    yield Stage("the whole", "outbox_cursor", _wholes(snapshot, checks))
    if "card_numbers" in checks:
        for model, fields in card_numbers.columns():
            table = model._meta.db_table
            yield Stage(f"texts of {table}", table, _texts(snapshot, model, fields))


def _invoices(snapshot: Snapshot) -> Iterator[tuple[int, Iterator[Violation]]]:
    for after, last, rows in snapshot.chunks("invoices_invoice", CHUNK):
        yield rows, judged(dossiers.read(snapshot, after, last))


def judged(found: Sequence[Dossier]) -> Iterator[Violation]:
    """What is wrong with any of them, all that belongs to one invoice each."""
    for dossier in found:
        yield from histories.log(dossier.log)
        yield from money.references(dossier)
        if dossier.invoice is None:
            if not dossier.events:
                yield Violation("references", dossier.public_id, "an invoice", "only what refers to it")
            continue
        for check in MONEY:
            yield from check(dossier)


def _customers(snapshot: Snapshot) -> Iterator[tuple[int, Iterator[Violation]]]:
    yield from _logs(snapshot, "cus", "invoices_customer")
    for after, last, _ in snapshot.chunks("invoices_customer", CHUNK):
        yield 0, credits.balances(snapshot, after, last)


def _logs(snapshot: Snapshot, prefix: str, table: str) -> Iterator[tuple[int, Iterator[Violation]]]:
    for after, last, rows in snapshot.chunks(table, CHUNK):
        found = dossiers.logs(snapshot, prefix, table, after, last)
        yield rows, (violation for log in found for violation in histories.log(log))


def _judged(
    snapshot: Snapshot, table: str, judge: Callable[[Snapshot, str, str], Iterator[Violation]]
) -> Iterator[tuple[int, Iterator[Violation]]]:
    for after, last, rows in snapshot.chunks(table, CHUNK):
        yield rows, judge(snapshot, after, last)


def _wholes(snapshot: Snapshot, checks: frozenset[str]) -> Iterator[tuple[int, Iterator[Violation]]]:
    if "positions" in checks:
        yield 0, wholes.positions(snapshot)
    if "inbox_age" in checks:
        yield 0, wholes.inbox(snapshot)
    if "append_only" in checks:
        yield 0, wholes.guards(snapshot)
    if "references" in checks:
        yield 0, wholes.strays(snapshot)
    if "credit_books" in checks:
        yield 0, credits.books(snapshot)
    if checks & {"journal_balance", "journal_unexpected"}:
        yield 0, wholes.free_journals(snapshot)


def _texts(
    snapshot: Snapshot, model: type[models.Model], fields: card_numbers.Fields
) -> Iterator[tuple[int, Iterator[Violation]]]:
    bounds = (LOWEST, HIGHEST) if isinstance(model._meta.pk, PrefixedIdField) else (-1, 2**63 - 1)
    for after, last, rows in snapshot.chunks(model._meta.db_table, TEXT_CHUNK, bounds=bounds):
        yield rows, card_numbers.search(snapshot, model, fields, after, last)
