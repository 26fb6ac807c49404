"""Differences remembered: each once, however often it is found, and mended in the transaction that remembers it."""

import logging

from config.kernel import clock, db
from payments.models import Difference, SettlementRun
from payments.models.settlement import Mend
from payments.services.settlement import mending
from payments.services.settlement.closing import is_closed
from payments.services.settlement.findings import Finding

logger = logging.getLogger(__name__)

_BATCH = 100


def settle(run: SettlementRun, finding: Finding) -> Difference | None:
    """Mend it where that is safe, and remember it; None when nobody has to look at it.

    Somebody else may have mended it since it was found, or staff has closed it as it still is. Whatever one difference
    raises, it is left to staff: it does not stand in the way of the others.
    """
    try:
        return _settle(run, finding)
    except Exception as error:
        logger.exception("%s could not be mended", finding.difference)
        return _leave(run, finding, detail=f"It could not be mended: {error}")


@db.transaction(idempotent=True, looks_again=True)
def _settle(run: SettlementRun, finding: Finding) -> Difference | None:
    effect = mending.mend(finding.difference, finding.line, reason=f"in the books of {run.provider}, {run.id}")
    if effect.is_gone:
        return None
    return _remember(run, finding.difference, is_mended=effect.is_mended, detail=effect.detail)


def unless_closed(found: Difference) -> Difference | None:
    """As it was found; None where staff has closed it as it still is."""
    row = Difference.objects.filter(**found.identity).first()
    return None if row and is_closed(row, found) else found


@db.transaction(idempotent=True)
def _leave(run: SettlementRun, finding: Finding, *, detail: str) -> Difference | None:
    return _remember(run, finding.difference, is_mended=False, detail=detail)


def _remember(run: SettlementRun, found: Difference, *, is_mended: bool, detail: str) -> Difference | None:
    """Requires a transaction. The row of this difference, as it was found now; None where it stays closed."""
    row = Difference.objects.select_for_update().filter(**found.identity).first()
    if row and not is_mended and is_closed(row, found):
        return None
    is_new = row is None
    row = row or Difference(**found.identity)
    if is_new or row.resolved_at is not None:
        row.found_at = clock.now()
    for name in Difference.SHOWN:
        setattr(row, name, getattr(found, name))
    row.booked_at = found.booked_at
    if is_new or row.run_id < run.id:
        row.run = run
    row.detail = (detail or found.detail)[:500]
    row.resolved_at = clock.now() if is_mended else None
    row.save(force_insert=is_new)
    return row


def resolve(run: SettlementRun) -> int:
    """What earlier runs found in this run's window and this one has not is a difference no longer; how many."""
    resolved = 0
    while count := _resolve_some(run):
        resolved += count
    return resolved


@db.transaction(idempotent=False)
def _resolve_some(run: SettlementRun) -> int:
    stale = list(
        Difference.objects.select_for_update()
        .filter(resolved_at=None, provider=run.provider, provider_account=run.provider_account)
        .filter(booked_at__gte=run.since, booked_at__lt=run.until)
        .filter(run_id__lt=run.id)
        .order_by("id")[:_BATCH]
    )
    for difference in stale:
        difference.mend, difference.resolved_at = Mend.NO_LONGER_FOUND, clock.now()
        difference.save(update_fields=["mend", "resolved_at"])
    return len(stale)
