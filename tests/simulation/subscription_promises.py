"""What must hold of subscriptions: nobody is billed twice or for nothing, served unpaid, or forgotten.

Each has a log, and each event says how the subscription stood: what went before and what came after is read out of it.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection

from billing.models import PlanVersion, Subscription, SubscriptionInvoice, UsageRecord
from billing.services import features
from billing.states import SERVED, SubscriptionStatus
from config.kernel import clock, ids
from invoices.models import CreditEntry, CreditKind, Invoice, InvoiceLine
from invoices.states import InvoiceStatus
from outbox.models import ArchivedEvent, HeldEvent, LoggedEvent, OutboxEvent
from payments.models import Dispute, Receipt, Refund
from payments.states import RefundStatus

OWED = (InvoiceStatus.OPEN, InvoiceStatus.FAILED)
ROUNDED = datetime.timedelta(hours=2)
"""What is left of a period for less costs nothing, and is not taken back."""
ALL_IS_HEARD = (
    "SELECT NOT EXISTS (SELECT 1 FROM outbox_outboxevent WHERE position IS NULL)"
    " AND NOT EXISTS (SELECT 1 FROM outbox_cursor c JOIN outbox_cursor head"
    " ON head.subscriber = 'sequencer' AND head.shard = c.shard"
    " WHERE c.subscriber = 'subscriptions' AND c.position < head.position)"
)
_MADE = (1 << 62) - 1


def made(prefix: str, id: str) -> int:
    """Ids are counted: of two things, the one that was made first has the lower number, whatever the clocks say."""
    return ids.to_number(prefix, id) & _MADE


def of_subscription(id: str) -> Iterator[str]:
    """What is wrong with one about which there is news."""
    told = _told(id)
    for before, after in itertools.pairwise(told):
        for problem in _continued(before, after):
            yield f"{id} after {before.type}, number {before.sequence}: {after.type} {problem}"
    yield from _billed_twice(id)
    yield from _billed_after(id, told)
    row = Subscription.objects.get(id=id)
    if row.ended_at is None and row.due_at is None and row.status != SubscriptionStatus.UNPAID:
        yield f"{id} is {row.status}, and nothing will ever happen to it"


def _told(id: str) -> list[LoggedEvent]:
    events: list[LoggedEvent] = [
        *OutboxEvent.objects.filter(aggregate_id=id),
        *ArchivedEvent.objects.filter(aggregate_id=id),
    ]
    return sorted(events, key=lambda event: event.sequence)


def _continued(before: LoggedEvent, after: LoggedEvent) -> Iterator[str]:
    """Periods follow each other without a gap, each begins when it is its time, and so does what is done to debtors."""
    at, was, now = after.occurred_at, before.data, after.data
    starts_at = _moment(now["period_starts_at"])
    if was["ended_at"] is not None:
        yield "comes after its end"
    match after.type:
        case "subscription.renewed":
            due = _moment(was["period_ends_at"])
            if now["period"] != was["period"] + 1 or starts_at != due:
                yield f"begins period {now['period']} at {starts_at}, after {was['period']} until {due}"
            if due > at:
                yield f"comes {due - at} early"
            if not was["period"] or was["status"] not in SERVED or was["cancels_at_period_end"]:
                yield f"though it was {was['status']}"
        case "subscription.converted":
            due = _moment(was["period_ends_at"])
            if (was["period"], now["period"]) != (0, 1) or starts_at not in (at, due) or starts_at > at:
                yield f"begins period {now['period']} at {starts_at}"
            if due > at and after.actor.startswith("system:"):
                yield f"comes {due - at} early"
        case "subscription.plan_changed" if now["period"] != was["period"]:
            if now["period"] != was["period"] + 1 or starts_at != at:
                yield f"begins period {now['period']} at {starts_at}"
        case _ if (now["period"], now["period_starts_at"]) != (was["period"], was["period_starts_at"]):
            yield f"leaves period {was['period']}"
    if after.type == "subscription.unpaid":
        yield from _suspended_early(after)


def _suspended_early(event: LoggedEvent) -> Iterator[str]:
    since = [each for each in _told(event.aggregate_id) if each.type == "subscription.past_due"]
    owing = [each.occurred_at for each in since if each.sequence < event.sequence]
    version = PlanVersion.objects.get(plan=event.data["plan"], number=event.data["plan_version"])
    if not owing or owing[-1] + datetime.timedelta(days=version.grace_days) > event.occurred_at:
        yield f"comes before the {version.grace_days} days of grace from {owing[-1:]} are over"


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _billed_twice(id: str) -> Iterator[str]:
    """For no time it is charged for two plans, or twice for one, but for what was taken back.

    What went back, or was to, or is disputed, may not have been taken back besides.
    """
    lines = InvoiceLine.objects.filter(invoice__subscription_invoice__subscription=id).exclude(
        invoice__status=InvoiceStatus.VOID
    )
    steps: dict[datetime.datetime, int] = {}
    charged = lines.filter(reverses=None, amount__gt=0, starts_at__isnull=False).exclude(description__contains=": ")
    charged = charged.exclude(invoice__in=Refund.objects.values("invoice"))
    for line in charged.exclude(invoice__in=Dispute.objects.values("invoice")):
        _count(steps, line, 1)
    for line in lines.exclude(reverses=None):
        _count(steps, line, -1)
    deep = 0
    for (at, step), (until, _) in itertools.pairwise(sorted(steps.items())):
        deep += step
        if deep > 1 and until - at > ROUNDED:
            yield f"{id} is billed {deep} times for the time from {at} to {until}"


def _count(steps: dict[datetime.datetime, int], line: InvoiceLine, by: int) -> None:
    assert line.starts_at is not None, line.id
    assert line.ends_at is not None, line.id
    steps[line.starts_at] = steps.get(line.starts_at, 0) + by
    steps[line.ends_at] = steps.get(line.ends_at, 0) - by


def _billed_after(id: str, told: list[LoggedEvent]) -> Iterator[str]:
    """No period is billed to one that has ended, or is not served until it pays."""
    for caused in SubscriptionInvoice.objects.filter(subscription=id).exclude(period=None):
        earlier = _latest_before(told, made("sin", caused.id))
        if earlier is not None and earlier.data["status"] in ("unpaid", "canceled", "expired"):
            yield f"{id} was {earlier.data['status']} when its period {caused.period} was billed"


def _latest_before(told: Iterable[LoggedEvent], number: int) -> LoggedEvent | None:
    return next((each for each in reversed([*told]) if made("evt", each.id) < number), None)


def of_uses(known: set[str]) -> Iterator[str]:
    """What is wrong with what was used since; those are `known` from then on."""
    for record in UsageRecord.objects.exclude(id__in=known).select_related("counter"):
        known.add(record.id)
        told = _latest_before(_told(record.counter.subscription_id), made("use", record.id))
        name = f"{record.id} of {record.counter.subscription_id}"
        if told is None or told.data["status"] not in SERVED:
            yield f"{name} was counted while it was {told and told.data['status']}"
        elif told.data["cancels_at_period_end"] and _moment(told.data["period_ends_at"]) <= record.created_at:
            yield f"{name} was counted after the end that it was to have"
        elif told.data["period"] > record.counter.period:
            yield f"{name} was counted in period {record.counter.period}, which has been billed"
        elif record.used_after > max(_mosts(told, record)):
            yield f"{name} makes it {record.used_after} {record.counter.feature}, of {_mosts(told, record)}"


def _mosts(told: LoggedEvent, record: UsageRecord) -> list[int]:
    """How much could be used: of the plan that it was on; or it was late, on the one that it was to change to."""
    versions = PlanVersion.objects.filter(plan=told.data["plan"], number=told.data["plan_version"])
    if record.counter.period > told.data["period"] and told.data["next_plan"]:
        versions = PlanVersion.objects.filter(plan=told.data["next_plan"])
    return [_most(version, record) for version in versions]


def _most(version: PlanVersion, record: UsageRecord) -> int:
    read = features.read(version.features)
    if record.counter.feature not in read:
        return -1
    amount = features.overage_amount(read, price=version.amount) if record.counter.period else 0
    return read[record.counter.feature].most(amount)


def unlike_their_invoices() -> Iterator[str]:
    """Once every event of its invoices has been heard, what a subscription owes says how it stands."""
    for held in HeldEvent.objects.held().filter(subscriber="subscriptions"):
        yield f"subscriptions cannot take {held.event_id}: {held.error}"
    if not _all_is_heard():
        return
    invoices: dict[str, list[str]] = {}
    for id, status in SubscriptionInvoice.objects.values_list("subscription", "invoice__status"):
        invoices.setdefault(id, []).append(status)
    for id, status in Subscription.objects.filter(ended_at=None).values_list("id", "status"):
        found = invoices.get(id, [])
        owes = any(each in OWED for each in found)
        owes_or_pays = owes or InvoiceStatus.PROCESSING in found
        is_let_off = status == "unpaid" and InvoiceStatus.VOID in found
        if (status in ("trialing", "active") and owes) or (
            status in ("pending", "past_due", "unpaid") and not owes_or_pays and not is_let_off
        ):
            yield f"{id} is {status}, its invoices are {found}"


def _all_is_heard() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(ALL_IS_HEARD)
        return bool(cursor.fetchone()[0])


def left_undone() -> Iterator[str]:
    """With nothing going wrong any more everything happens when it is due."""
    for row in Subscription.objects.due(clock.now()):
        yield f"{row.id} is {row.status}, and was due at {row.due_at}"


def kept_in_the_end() -> Iterator[str]:
    """What was paid for a subscription that had ended before it began, or was to owe nothing, went back."""
    for row in Subscription.objects.exclude(ended_at=None).filter(voids_open_invoices=True):
        for invoice in _paid_after(row):
            if invoice.amount_refunded < invoice.amount_paid and not _is_for_a_person(invoice):
                yield f"{row.id} ended before {invoice.id} was paid: {invoice.amount_refunded} of it went back"
            given = CreditEntry.objects.filter(invoice=invoice, kind=CreditKind.GRANTED).first()
            if invoice.amount_credited != (given.amount if given else 0):
                yield f"{row.id} ended before {invoice.id} was paid, also by credit: {given!r} went back"


def _paid_after(row: Subscription) -> list[Invoice]:
    """Its invoices that were paid once it had ended; not what stayed owed, since one paid before takes back of it."""
    end = made("evt", _told(row.id)[-1].id)
    caused = Invoice.objects.filter(subscription_invoice__subscription=row, status=InvoiceStatus.PAID)
    late = [invoice for invoice in caused if _paid(invoice) > end]
    reversals = InvoiceLine.objects.exclude(invoice__status=InvoiceStatus.VOID).exclude(invoice__in=late)
    owed = set(reversals.filter(reverses__invoice__in=late).values_list("reverses__invoice", flat=True))
    return [invoice for invoice in late if invoice.id not in owed]


def _paid(invoice: Invoice) -> int:
    return max((made("evt", each.id) for each in _told(invoice.id) if each.type == "invoice.paid"), default=0)


def _is_for_a_person(invoice: Invoice) -> bool:
    """Whether the money is disputed, or a refund came to nothing."""
    about: dict[str, Any] = {"invoice": invoice}
    return (
        Dispute.objects.filter(**about).exists()
        or Refund.objects.filter(**about).exclude(status=RefundStatus.SUCCEEDED).exists()
        or Receipt.objects.filter(**about).exclude(returned_refund=None).exists()
    )
