"""What belongs to no single invoice: the shards of the log, the inbox, and rows that belong to nothing."""

import datetime
from collections.abc import Iterator

from config.verification import journals
from config.verification.dossiers import EVENT_TABLES, journals_of
from config.verification.snapshot import Snapshot
from config.verification.violations import Violation
from outbox.models import SEQUENCER, SHARDS
from webhooks.inbound.services.schedule import RETRIES
from webhooks.inbound.states import WAITING

AGGREGATES = ("cus", "inv", "plan", "sub", "usg", "whe")
"""By the prefixes of their ids, in their order: whose events there may be."""
SLACK = datetime.timedelta(hours=1)
"""The sweep may be this late with what has come of age."""
CHUNK = 5000
TRIGGERS = 6


def positions(snapshot: Snapshot) -> Iterator[Violation]:
    """Each shard is numbered from 1 to its head without a gap, and nobody has read further."""
    numbered = _numbered(snapshot)
    cursors = snapshot.rows("SELECT shard, subscriber, position FROM outbox_cursor")
    heads = {shard: position for shard, subscriber, position in cursors if subscriber == SEQUENCER}
    for shard in range(SHARDS):
        head = heads.get(shard, 0)
        expected = (head, 1, head) if head else (0, None, None)
        if (found := numbered.get(shard, (0, None, None))) != expected:
            yield Violation(
                "positions", f"shard {shard}", f"{head} events, 1 to {head}", "{} events, {} to {}".format(*found)
            )
    for shard, subscriber, position in cursors:
        if position > heads.get(shard, 0):
            yield Violation("positions", f"{subscriber} in shard {shard}", f"at most {heads.get(shard, 0)}", position)


def _numbered(snapshot: Snapshot) -> dict[int, tuple[int, int | None, int | None]]:
    """Of each shard: how many events have a position, the lowest, the highest."""
    found: dict[int, tuple[int, int | None, int | None]] = {}
    for table in EVENT_TABLES:
        for shard, *numbers in snapshot.rows(
            f"SELECT shard, COUNT(position), MIN(position), MAX(position) FROM {table} GROUP BY shard"
        ):
            count, *ends = found.get(shard, (0, None, None))
            known = [each for each in (*ends, *numbers[1:]) if each is not None]
            found[shard] = (count + numbers[0], min(known, default=None), max(known, default=None))
    return found


def inbox(snapshot: Snapshot) -> Iterator[Violation]:
    """No provider event waits beyond its age."""
    limit = snapshot.taken_at - RETRIES.give_up_after - SLACK
    waiting = ", ".join(f"'{status}'" for status in WAITING)
    for provider, event_id, status, received_at in snapshot.rows(
        f"SELECT provider, event_id, status, received_at FROM inbound_providerevent WHERE status IN ({waiting})"
        " AND received_at < %s ORDER BY id",
        limit.replace(tzinfo=None).isoformat(" "),
    ):
        expected = f"an end within {RETRIES.give_up_after}"
        yield Violation("inbox_age", f"{provider} event {event_id}", expected, f"{status} since {received_at}")


def free_journals(snapshot: Snapshot) -> Iterator[Violation]:
    """What belongs to no invoice balances, and is a fee, a payout or credit by hand."""
    of_none = "invoice_id IS NULL"
    for after, last, _ in snapshot.chunks("invoices_journal", CHUNK, where=of_none):
        found = journals_of(snapshot, f"j.{of_none} AND j.id > %s AND j.id <= %s", after, last)
        for group in found.values():
            yield from journals.balanced(group)


def strays(snapshot: Snapshot) -> Iterator[Violation]:
    """No entry without a journal, no event of nothing known."""
    for id, account in snapshot.rows(
        "SELECT e.id, e.account FROM invoices_entry e LEFT JOIN invoices_journal j ON j.id = e.journal_id"
        " WHERE j.id IS NULL LIMIT 1000"
    ):
        yield Violation("references", f"entry {id} of {account}", "a journal", "none")
    low = ""
    for prefix in (*AGGREGATES, None):
        until, bounds = ("", [low]) if prefix is None else (" AND aggregate_id <= %s", [low, f"{prefix}_"])
        for table in EVENT_TABLES:
            for aggregate_id, number in snapshot.rows(
                f"SELECT aggregate_id, COUNT(*) FROM {table} WHERE aggregate_id > %s{until}"
                " GROUP BY aggregate_id ORDER BY aggregate_id LIMIT 1000",
                *bounds,
            ):
                yield Violation("references", aggregate_id, "a kind of aggregate", f"{number} events of something else")
        low = f"{prefix}_~"


def guards(snapshot: Snapshot) -> Iterator[Violation]:
    """The triggers that keep the books append-only are there."""
    source = {
        "mysql": "information_schema.triggers WHERE trigger_schema = DATABASE() AND trigger_name",
        "sqlite": "sqlite_master WHERE type = 'trigger' AND name",
    }[snapshot.vendor]
    found = snapshot.value(f"SELECT COUNT(*) FROM {source} LIKE 'invoices@_%%@_no@_%%' ESCAPE '@'")
    if found != TRIGGERS:
        seen = found or "none that this database user may see: it needs the privilege TRIGGER"
        yield Violation("append_only", "the books", f"{TRIGGERS} triggers that refuse changes", seen)
