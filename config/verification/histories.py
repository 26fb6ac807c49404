"""The log of one aggregate: gap-free, signed by somebody, and each machine's way through its states, step by step."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models

from billing.models import Subscription
from config.verification.dossiers import Dossier, EventRow, Log, parsed, public
from config.verification.violations import Violation
from invoices.models import Invoice
from outbox.services.record import shard_of
from payments.models import Dispute, Payment, Receipt, Refund

MACHINES: dict[str, type[models.Model]] = {
    "invoice": Invoice,
    "payment": Payment,
    "receipt": Receipt,
    "refund": Refund,
    "dispute": Dispute,
    "subscription": Subscription,
}
"""By the first part of their events' types, which is also what the events' data call them."""
TARGETS = {
    "invoice.created": "open",
    "invoice.processing": "processing",
    "invoice.reopened": "open",
    "invoice.failed": "failed",
    "invoice.paid": "paid",
    "invoice.voided": "void",
    "payment.requested": "created",
    "payment.processing": "processing",
    "payment.unknown": "unknown",
    "payment.succeeded": "succeeded",
    "payment.failed": "failed",
    "payment.canceled": "canceled",
    "payment.review_required": "review",
    "payment.refunded": "refunded",
    "receipt.created": "unapplied",
    "receipt.applied": "applied",
    "receipt.refunding": "refunding",
    "receipt.refunded": "refunded",
    "receipt.refund_failed": "unapplied",
    "refund.created": "created",
    "refund.processing": "processing",
    "refund.unknown": "unknown",
    "refund.succeeded": "succeeded",
    "refund.failed": "failed",
    "dispute.opened": "open",
    "dispute.won": "won",
    "dispute.lost": "lost",
    "subscription.activated": "active",
    "subscription.past_due": "past_due",
    "subscription.unpaid": "unpaid",
    "subscription.expired": "expired",
    "subscription.canceled": "canceled",
}
"""The state that each event reports the arrival in. Any other type is a note: it finds its subject as it was."""

BEGINNINGS = {"subscription.created": ("pending", "trialing")}
"""First events that report one of several states."""


@functools.cache
def moves(subject: str) -> frozenset[tuple[str, str]]:
    """The (source, target) pairs of a machine."""
    model = MACHINES[subject]
    field: Any = model._meta.get_field("status")
    return frozenset((str(each.source), str(each.target)) for each in field.get_all_transitions(model))


@functools.cache
def start(subject: str) -> str:
    """The state a machine begins in."""
    field: Any = MACHINES[subject]._meta.get_field("status")
    return str(field.get_default())


def log(log: Log) -> Iterator[Violation]:
    """Numbered from 1 without a gap up to what the row says, in that order in its shard, each event by somebody."""
    if log.event_sequence is None:
        yield Violation("references", log.aggregate_id, "a row", f"only {len(log.events)} events")
        return
    if log.has_gaps():
        numbers = [event.sequence for event in log.events]
        gap = next((n for n, (a, b) in enumerate(zip(numbers, range(1, len(numbers) + 1), strict=True)) if a != b), -1)
        found = f"{len(numbers)}, ending with {numbers[-1:]}" if gap < 0 else f"{numbers[gap]} in place of {gap + 1}"
        yield Violation("event_sequence", log.aggregate_id, f"1 to {log.event_sequence}", found)
    elif not _in_order(log):
        found = ", ".join(str(event.position) for event in log.events)
        yield Violation("positions", f"{log.aggregate_id} in shard {log.events[0].shard}", "in its order", found)
    for event in log.events:
        name = f"{event.type}, number {event.sequence} of {log.aggregate_id}"
        if not event.actor:
            yield Violation("event_actor", name, "who did it", "nobody")
        if not event.correlation_id:
            yield Violation("event_correlation", name, "a correlation id", "none")


def _in_order(log: Log) -> bool:
    """Numbered events first, by their positions, all in the aggregate's shard."""
    reached = 0
    shard = shard_of(log.aggregate_id)
    for event in log.events:
        if event.shard != shard or (event.position is not None and event.position <= reached):
            return False
        reached = 1 << 62 if event.position is None else event.position
    return True


def transitions(dossier: Dossier) -> Iterator[Violation]:
    """Each step is one that the machine has, and ends where the row is; a log with gaps says nothing."""
    if dossier.log.has_gaps():
        return
    yield from steps(dossier.events, _states_of_rows(dossier))


def steps(events: list[EventRow], rows: Mapping[tuple[str, str], str]) -> Iterator[Violation]:
    """What is wrong with the events of one log, in their order; `rows` are the states by (kind, public id)."""
    states: dict[tuple[str, str], str] = {}
    broken = set()
    for event in events:
        subject = event.type.partition(".")[0]
        data = parsed(event)
        key = subject, str(data.get(subject, ""))
        problem = _step(event, subject, data.get("status"), states.get(key)) if subject in MACHINES else "no machine"
        if problem:
            broken.add(key)
            name = f"{key[1]}, number {event.sequence} of {event.aggregate_id}"
            yield Violation("event_transitions", name, "a step of its machine", problem)
        states[key] = str(data.get("status"))
    for key in (rows.keys() | states.keys()) - broken:
        if rows.get(key) != states.get(key):
            found = rows.get(key, "no row")
            yield Violation("event_status", key[1], f"{states.get(key, 'no events')}, by its events", found)


def _step(event: EventRow, subject: str, status: object, before: str | None) -> str:
    """What is wrong with one event; nothing as a rule."""
    if before is None and status in BEGINNINGS.get(event.type, ()):
        return ""
    target = TARGETS.get(event.type)
    if target is None:
        return "" if status == before else f"{event.type} in {status}, which was {before}"
    if status != target:
        return f"{event.type} in {status}"
    if before is None:
        return "" if target == start(subject) else f"{event.type} as its first event"
    return "" if (before, target) in moves(subject) else f"{event.type} in {before}"


def _states_of_rows(dossier: Dossier) -> dict[tuple[str, str], str]:
    assert dossier.invoice is not None
    states = {("invoice", dossier.public_id): dossier.invoice.status}
    for subject, prefix, rows in (
        ("payment", "pay", dossier.payments),
        ("receipt", "rct", dossier.receipts),
        ("refund", "re", dossier.refunds),
        ("dispute", "dp", dossier.disputes),
    ):
        for row in rows:
            states[subject, public(prefix, row.id)] = row.status
    return states
