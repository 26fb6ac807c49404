"""How far a reading of a provider's books has come, so that one that was interrupted goes on."""

import datetime

from config.kernel import clock, db
from payments.models import SettlementRun
from payments.providers.base import Provider

OVERLAP = datetime.timedelta(minutes=1)
"""Read again when a run goes on: lines of one moment are not always listed in the order of their instants."""


@db.transaction(idempotent=False)
def begin(*, books: Provider, since: datetime.datetime, until: datetime.datetime) -> SettlementRun:
    """The unfinished run over this very window, else a new one."""
    window = {"provider": books.name, "provider_account": books.account, "since": since, "until": until}
    unfinished = SettlementRun.objects.filter(**window, finished_at=None).order_by("id").last()
    if unfinished is not None:
        return unfinished
    run = SettlementRun(**window, started_at=clock.now())
    run.save(force_insert=True)
    return run


def read_until(books: Provider) -> datetime.datetime | None:
    """Up to where the books have been read to the end; None when they never were."""
    finished = SettlementRun.objects.filter(
        provider=books.name, provider_account=books.account, finished_at__isnull=False
    )
    latest = finished.order_by("-until", "-id").first()
    return None if latest is None else latest.until


def goes_on_at(run: SettlementRun) -> datetime.datetime:
    """From which instant the lines are still to be read."""
    return run.since if run.read_until is None else max(run.since, run.read_until - OVERLAP)


@db.transaction(idempotent=True)
def advance(run: SettlementRun, *, read_until: datetime.datetime) -> None:
    """The lines up to there have been kept and compared."""
    run.read_until = max(run.read_until or read_until, read_until)
    run.save(update_fields=["read_until"])


@db.transaction(idempotent=True)
def interrupt(run: SettlementRun, *, problem: str) -> None:
    """It can go on."""
    run.problem = problem[:500]
    run.save(update_fields=["problem"])


@db.transaction(idempotent=True)
def finish(run: SettlementRun) -> None:
    """The whole window has been read and compared."""
    run.finished_at = clock.now()
    run.read_until = run.until
    run.save(update_fields=["finished_at", "read_until"])
