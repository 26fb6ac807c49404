"""Bodies of old events lie in a table of their own: the inbox, which every webhook is looked up in, stays small."""

import datetime
import itertools
from collections.abc import Iterator, Sequence

from config.kernel import db, ids
from outbox.services import retention
from outbox.services.run import Stop
from webhooks.inbound.models import ArchivedPayload, ProviderEvent
from webhooks.inbound.states import WAITING

CHUNK = 500


def archive(*, before: datetime.datetime, stop: Stop, dry_run: bool = False) -> int:
    """Move the payloads of events that were received before then, business time, and have ended; how many.

    They can still be replayed. `stop` is asked between chunks; with `dry_run` they are only counted.
    """
    return retention.move_all(_old(before), _archive, stop=stop, dry_run=dry_run)


def _old(before: datetime.datetime) -> Iterator[list[str]]:
    """Chunks by primary key, from where the latest run ended. One that waits ends them: no run comes back."""
    latest = ArchivedPayload.objects.order_by("-id").values_list("id", flat=True).first()
    after = latest or ids.from_number("pev", 0)
    while True:
        rows = ProviderEvent.objects.filter(id__gt=after).exclude(payload="").order_by("id")
        chunk = list(rows.values_list("id", "status", "received_at")[:CHUNK])
        old = list(itertools.takewhile(lambda row: row[1] not in WAITING and row[2] < before, chunk))
        yield [id for id, *_ in old]
        if len(old) < CHUNK:
            return
        after = chunk[-1][0]


@db.transaction(idempotent=True)
def _archive(chunk: Sequence[str]) -> int:
    ended = ProviderEvent.objects.filter(id__in=chunk).exclude(status__in=WAITING).exclude(payload="")
    found = list(ended.select_for_update().values_list("id", "payload"))
    ArchivedPayload.objects.bulk_create([ArchivedPayload(id=id, payload=payload) for id, payload in found])
    ProviderEvent.objects.filter(id__in=[id for id, _ in found]).update(payload="")
    return len(found)
