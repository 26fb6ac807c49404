"""`python -m bench.commit_events FILE PER_SECOND SECONDS`: events, each committed when it is due, with its nudge.

FILE gets a line for each: its id and the time (UNIX, seconds) before its row was written and committed.
"""

import itertools
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outbox.models import OutboxEvent

INVOICES = 1000
"""Each gets an event in turn: every shard has some of them."""


def main() -> None:
    report, per_second, seconds = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    from config.kernel import db
    from outbox.services import nudging

    @db.transaction(idempotent=False)
    def commit(event: "OutboxEvent") -> None:
        db.insert_before_commit(event)
        nudging.nudge_after_commit()

    lines = []
    started = time.monotonic()
    for number, event in enumerate(itertools.islice(_events(), int(per_second * seconds))):
        time.sleep(max(0.0, started + number / per_second - time.monotonic()))
        lines.append(f"{event.id} {time.time()}")
        commit(event)
    report.write_text("\n".join(lines))


def _events() -> "Iterator[OutboxEvent]":
    """Made when they are due: an id says when. They are like the table's first one."""
    from config.kernel import clock
    from invoices.models import Invoice
    from outbox import services as outbox
    from outbox.models import OutboxEvent

    [template] = OutboxEvent.objects.raw("SELECT * FROM bench_template ORDER BY place LIMIT 1")
    invoices = [Invoice._meta.get_field("id").get_default() for _ in range(INVOICES)]
    for number in itertools.count():
        invoice = invoices[number % INVOICES]
        yield OutboxEvent(
            type=template.type,
            version=template.version,
            data=template.data,
            aggregate_type=template.aggregate_type,
            aggregate_id=invoice,
            sequence=number // INVOICES + 1,
            shard=outbox.shard_of(invoice),
            actor=template.actor,
            occurred_at=clock.now(),
        )


if __name__ == "__main__":
    main()
