"""One try to apply one stored event, and what it makes of the event's row."""

import dataclasses
import logging
import traceback
from pathlib import Path

import django.db

from config.api import card_numbers
from config.kernel import clock, db
from payments import services as payments
from payments.providers import base
from webhooks.inbound.models import Outcome, ProviderEvent
from webhooks.inbound.services import payloads
from webhooks.inbound.services.schedule import RETRIES
from webhooks.inbound.states import WAITING, ProviderEventStatus

logger = logging.getLogger(__name__)

_LEARNED = ("type", "our_reference", "charge_reference")
_CONCLUDED = (*_LEARNED, "status", "outcome", "error", "attempts", "available_at", "processed_at")
"""All that a try changes: the payload is long and stays."""

POISON = (django.db.IntegrityError, django.db.DataError)
"""Database errors that running the same transaction again does not cure. They leave it like any other; what stands
around the outermost transaction then notes them on the event in a new one: neither lost nor tried for ever."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What came of one try; `error` says why it is malformed or failed."""

    outcome: Outcome
    error: str = ""


def attempt(row: ProviderEvent, event: base.ProviderEvent | None = None) -> Verdict:
    """Requires a transaction that holds the row. Apply it, or undo what its failure left behind and say what happened.

    `event` is what the payload parses to, if the caller knows. Every database error passes through.
    """
    db.require_transaction()
    try:
        with db.savepoint():
            event = event or payloads.parse(row.provider, payloads.of(row).encode())
            row.learn(event)
            result = payments.apply_event(provider=row.provider, event=event)
            db.flush()
    except django.db.Error:
        raise
    except base.MalformedEvent as error:
        return Verdict(Outcome.MALFORMED, describe(error))
    except Exception as error:
        return failure(event=f"{row.event_id} of {row.provider}", error=error)
    return Verdict(Outcome(result.value))


def failure(*, event: str, error: Exception) -> Verdict:
    """The verdict of a try that raised `error`, which is logged under the name `event`."""
    verdict = Verdict(Outcome.FAILED, describe(error))
    logger.error("event %s could not be applied: %s", card_numbers.mask_text(event), verdict.error)
    return verdict


def conclude(row: ProviderEvent, verdict: Verdict) -> None:
    """Requires a transaction that holds the row, which is waiting. Note the verdict and move the row accordingly."""
    db.require_transaction()
    row.attempts += 1
    row.outcome, row.error = verdict.outcome, verdict.error
    _move(row, verdict.outcome)
    if row.status not in WAITING:
        row.available_at = None
        row.processed_at = clock.now()
    row.save(update_fields=_CONCLUDED)


def _move(row: ProviderEvent, outcome: Outcome) -> None:
    if outcome == Outcome.APPLIED:
        row.process()
    elif outcome in (Outcome.STALE, Outcome.UNHANDLED):
        row.ignore()
    elif outcome == Outcome.MALFORMED:
        row.bury()
    else:
        _postpone(row, outcome)


def _postpone(row: ProviderEvent, outcome: Outcome) -> None:
    row.available_at = RETRIES.next_try(received_at=row.received_at, attempts=row.attempts, now=clock.now())
    if row.available_at is None:
        row.bury()
    elif outcome == Outcome.UNKNOWN_REFERENCE and row.status != ProviderEventStatus.PARKED:
        row.park()


def describe(error: Exception) -> str:
    """The error's type, its message without card numbers, and the line that raised it."""
    raised_at = traceback.extract_tb(error.__traceback__)[-1]
    message = str(error).encode("utf-8", "backslashreplace").decode()
    place = f"{Path(raised_at.filename).name}:{raised_at.lineno}"
    return card_numbers.mask_text(f"{type(error).__name__}: {message[:2000]} ({place})")
