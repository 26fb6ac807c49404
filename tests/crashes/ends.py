"""How it has to end, however often anybody died: what is left to do, and what is wrong although nothing is."""

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from django.core.management import CommandError, call_command
from django.db import models

from invoices.models import Invoice
from invoices.states import InvoiceStatus
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.models import Payment, Receipt, Refund
from payments.states import AWAITED, REFUND_LIVE, PaymentStatus
from tests.crashes.service import Service
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.states import ENDED


class Provider:
    """What the provider has really done, as it tells its own staff."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=20, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def set_dials(self, **dials: float) -> None:
        self._http.put("/control/dials", json=dials).raise_for_status()

    def webhooks_unfinished(self) -> int:
        unfinished: int = self._http.get("/control/health").json()["webhooks_unfinished"]
        return unfinished

    def per_reference(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = self._http.get("/control/charges").json()["per_reference"]
        return found

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        """Every page of a list."""
        cursor: str | None = "0"
        while cursor:
            page = self._http.get(path, params={"cursor": cursor}).json()
            yield from page["data"]
            cursor = page["next_cursor"]


def unsettled(provider: Provider) -> dict[str, int]:
    """What is not at its end yet, and how much of it; nothing when all is quiet."""
    waiting = {
        "payments": Payment.objects.filter(status__in=AWAITED).count(),
        "refunds": Refund.objects.filter(status__in=REFUND_LIVE).count(),
        "invoices": Invoice.objects.filter(_UNDER_WAY).count(),
        "provider events": ProviderEvent.objects.exclude(status__in=ENDED).count(),
        "webhooks": provider.webhooks_unfinished(),
        "events": sum(each.lag + each.held for each in outbox.status()),
    }
    return {what: count for what, count in waiting.items() if count}


_PROCESSING = models.Q(status=InvoiceStatus.PROCESSING) & ~models.Q(live_payment__status=PaymentStatus.REVIEW)
_UNDER_WAY = _PROCESSING | models.Q(next_attempt_at__isnull=False)


def violations(service: Service, provider: Provider, made: set[str]) -> list[str]:
    """Once nothing is unsettled: everything that must never be, in words."""
    return [
        *_charged_twice(provider),
        *_money_that_differs(provider),
        *_left_to_people(provider),
        *_gone(made),
        *_not_told(service.sent_to_subscriber),
        *_wrong_books(),
    ]


def _charged_twice(provider: Provider) -> Iterator[str]:
    for reference, counted in provider.per_reference().items():
        if max(counted.values()) > 1:
            yield f"{reference} was charged {counted['charges']} times, {counted['succeeded']} with success"
    per_refund = Counter(refund["reference"] for refund in provider.all("/v1/refunds"))
    yield from (f"{reference} was refunded {times} times" for reference, times in per_refund.items() if times > 1)


def _money_that_differs(provider: Provider) -> Iterator[str]:
    """Captures are receipts, and refunds are refunds, one to one, with their amounts."""
    captured = Counter((c["id"], c["amount"]) for c in provider.all("/control/charges") if c["status"] == "succeeded")
    booked = Counter(Receipt.objects.filter(returned_refund=None).values_list("provider_reference", "amount"))
    yield from (f"{each} was captured and not booked" for each in captured - booked)
    yield from (f"{each} was booked and not captured" for each in booked - captured)
    returned = Receipt.objects.filter(returned_refund__isnull=False).values_list("returned_refund_id", flat=True)
    gone = Refund.objects.filter(status="succeeded").exclude(id__in=list(returned))
    ours = Counter(gone.values_list("id", "provider_reference", "amount"))
    theirs = Counter(
        (r["reference"], r["id"], r["amount"]) for r in provider.all("/v1/refunds") if r["status"] == "succeeded"
    )
    yield from (f"{each} was given back and is not ours" for each in theirs - ours)
    yield from (f"{each} is said to be given back" for each in ours - theirs)


def _left_to_people(provider: Provider) -> Iterator[str]:
    """Nobody but a person ends a payment that was canceled when it may have been sent, and never arrived."""
    known = provider.per_reference()
    for payment in Payment.objects.filter(status=PaymentStatus.REVIEW):
        if payment.cancel_requested_at is None or payment.id in known:
            yield f"{payment.id} is in review: {payment.failure_message}"


def _gone(made: set[str]) -> Iterator[str]:
    there = {
        "inv": Invoice.objects.values_list("id", flat=True),
        "pay": Payment.objects.values_list("id", flat=True),
        "re": Refund.objects.values_list("id", flat=True),
    }
    known = {str(each) for ids in there.values() for each in ids}
    yield from (f"a client was told of {each}, which does not exist" for each in sorted(made - known))


def _not_told(sent_to_subscriber: Path) -> Iterator[str]:
    """Every event has come at least once, for the first time in the order of its aggregate."""
    rows = OutboxEvent.objects.values_list("id", "aggregate_id", "sequence")
    order = {str(id): (aggregate_id, sequence) for id, aggregate_id, sequence in rows}
    first_sent = list(dict.fromkeys(sent_to_subscriber.read_text().split()))
    yield from (f"event {each} was never sent" for each in order.keys() - set(first_sent))
    yield from (f"event {each} was sent and does not exist" for each in set(first_sent) - order.keys())
    reached: Counter[str] = Counter()
    for event_id in first_sent:
        aggregate_id, sequence = order.get(event_id, ("", 0))
        if aggregate_id and sequence != reached[aggregate_id] + 1:
            yield f"event {sequence} of {aggregate_id} was sent after event {reached[aggregate_id]}"
        reached[aggregate_id] = sequence


def _wrong_books() -> Iterator[str]:
    said = io.StringIO()
    try:
        call_command("verify_books", stdout=said)
        check_invariants()
    except (AssertionError, CommandError) as error:
        yield f"{error}\n{said.getvalue()}"
