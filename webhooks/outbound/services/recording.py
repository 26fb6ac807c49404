"""What became of tries: the deliveries' state, the log of tries, and what the answers say about an endpoint."""

import collections
import dataclasses
import datetime
import logging
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db.models import F, Value
from django.db.models.fields import DateTimeField

from config.api import card_numbers
from config.api.principals import system
from config.kernel import clock, db
from config.outgoing.posting import Answer
from webhooks.outbound.models import Attempt, Delivery, DeliveryQuerySet, Endpoint
from webhooks.outbound.services.endpoints import disable_locked
from webhooks.outbound.services.schedule import RETRIES
from webhooks.outbound.states import COLLECTING, DeliveryStatus

logger = logging.getLogger(__name__)

ACTOR = system("webhooks.outbound")
GONE = 410


@dataclasses.dataclass(frozen=True)
class Try:
    """One delivery that was sent to `url` at `started_at`, business time, and what came of it."""

    delivery: Delivery
    url: str
    started_at: datetime.datetime
    answer: Answer

    @property
    def is_delivered(self) -> bool:
        return self.answer.status_code is not None and 200 <= self.answer.status_code < 300

    @property
    def error(self) -> str:
        """Why it counts as failed; nothing when it was delivered."""
        status = self.answer.status_code
        if self.is_delivered:
            return ""
        if status is None:
            return card_numbers.mask_text(self.answer.error)
        return f"answered with {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")


@db.transaction(idempotent=False)
def record(tries: Sequence[Try]) -> None:
    """Note `tries`. A delivery that another worker has claimed since, or staff has ended, keeps its state; its try is
    logged all the same.
    """
    by_endpoint = collections.defaultdict(list)
    for each in tries:
        by_endpoint[each.delivery.endpoint_id].append(each)
    for endpoint_id in sorted(by_endpoint):
        _judge(endpoint_id, by_endpoint[endpoint_id])
    _note_delivered([each for each in tries if each.is_delivered])
    for each in tries:
        if not each.is_delivered:
            _note_failed(each)
    Attempt.objects.bulk_create(map(_logged, tries))


def _judge(endpoint_id: str, tries: Sequence[Try]) -> None:
    """What the tries say about their endpoint, which is locked only where that is news."""
    failed = [each for each in tries if not each.is_delivered]
    if len(failed) < len(tries):
        Endpoint.objects.filter(id=endpoint_id, failing_since__isnull=False).update(failing_since=None)
        failed = [each for each in failed if each.answer.status_code == GONE]
    if not failed:
        return
    endpoint = Endpoint.objects.select_for_update().get(id=endpoint_id)
    if endpoint.status not in COLLECTING:
        return
    if because := _reason_to_disable(endpoint, failed):
        logger.error("webhook endpoint %s is disabled: %s", endpoint.id, because)
        disable_locked(endpoint, actor=ACTOR, because=because)
    elif endpoint.failing_since is None:
        endpoint.failing_since = clock.now()
        endpoint.save(update_fields=["failing_since"])


def _reason_to_disable(endpoint: Endpoint, failed: Iterable[Try]) -> str:
    if any(each.answer.status_code == GONE for each in failed):
        return "it answered with 410 Gone"
    days = settings.WEBHOOK_DISABLE_AFTER_DAYS
    if endpoint.failing_since and clock.now() - endpoint.failing_since >= datetime.timedelta(days=days):
        return f"every try has failed for {days} days"
    return ""


def _note_delivered(tries: Sequence[Try]) -> None:
    """One statement for each status code."""
    by_code = collections.defaultdict(list)
    for each in tries:
        by_code[each.answer.status_code].append(each.delivery)
    for status_code, deliveries in by_code.items():
        _still_ours(deliveries).update(
            status=DeliveryStatus.DELIVERED,
            status_code=status_code,
            error="",
            attempts=F("attempts") + 1,
            available_at=None,
            claimed_by="",
            claimed_until=None,
            ended_at=clock.now(),
        )


def _note_failed(failed: Try) -> None:
    now, attempts = clock.now(), failed.delivery.attempts + 1
    gone = failed.answer.status_code == GONE
    next_try = RETRIES.next_try(attempts=attempts, now=now, retry_after_seconds=failed.answer.retry_after_seconds)
    is_over = gone or next_try is None
    _still_ours([failed.delivery]).update(
        status=DeliveryStatus.DEAD if is_over else DeliveryStatus.PENDING,
        status_code=failed.answer.status_code,
        error=failed.error[:500],
        attempts=attempts,
        available_at=Value(None, DateTimeField()) if is_over else next_try,
        claimed_by="",
        claimed_until=None,
        ended_at=now if is_over else None,
    )


def _still_ours(deliveries: Sequence[Delivery]) -> DeliveryQuerySet:
    tickets = {each.claimed_by for each in deliveries}
    ids = [each.id for each in deliveries]
    return Delivery.objects.filter(id__in=ids, claimed_by__in=tickets, status=DeliveryStatus.PENDING)


def _logged(each: Try) -> Attempt:
    return Attempt(
        delivery_id=each.delivery.id,
        url=each.url,
        status_code=each.answer.status_code,
        error=each.error[:500],
        answer=card_numbers.mask_text(each.answer.body),
        duration_ms=round(each.answer.duration_seconds * 1000),
        started_at=each.started_at,
    )
