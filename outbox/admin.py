"""The log and the relay's state, to look at; held events are requeued and skipped here."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import (
    MadeDateFilter,
    ReadOnlyAdmin,
    ReasonedAction,
    ReasonedActionsAdmin,
    RecentValuesFilter,
    Said,
    bounded_count,
    looks,
    unless_transition,
)
from config.admin.dashboard import Tile, tile_of_status
from config.admin.paginator import BoundedCount
from config.admin.searching import MAX_FOUND
from config.admin.timeline import Actor, Item, Subject, Window
from config.api.principals import Principal
from outbox import services
from outbox.models import ArchivedEvent, Cursor, HeldEvent, LoggedEvent, OutboxEvent
from outbox.states import HeldStatus
from payments.models import Dispute, Payment, Receipt, Refund

LATE_SECONDS = 60
"""An event that has waited longer than this for a subscriber is worth a look."""


@admin.register(OutboxEvent, ArchivedEvent)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["id", "type", "occurred_at", "aggregate_id", "sequence", "actor", "reason"]
    list_filter = [("type", RecentValuesFilter), ("actor", RecentValuesFilter), ("occurred_at", MadeDateFilter)]
    search_fields = ["aggregate_id__exact", "correlation_id__exact"]
    search_help_text = _("Any id or a correlation id")

    def find(self, term: str) -> list[Any]:
        """Also by the id of what belongs to an invoice, in whose log its events stand."""
        for model, name in ((Payment, "payment"), (Receipt, "receipt"), (Refund, "refund"), (Dispute, "dispute")):
            try:
                invoice = model._default_manager.filter(pk=term).values_list("invoice_id", flat=True).first()
            except ValidationError:
                continue
            events = self.model.objects.filter(aggregate_id=invoice or "", **{f"data__{name}": term}).order_by("-pk")
            return list(events.values_list("pk", flat=True)[:MAX_FOUND])
        return super().find(term)


@admin.register(Cursor)
class CursorAdmin(ReadOnlyAdmin):
    list_display = ["subscriber", "shard", "position", "failures", "available_at", "lease_owner", "lease_expires_at"]
    list_filter = ["subscriber", "available_at"]
    search_fields = ["subscriber", "lease_owner"]


def _requeue(held: HeldEvent, actor: Principal, reason: str) -> Said:
    services.requeue_held(held_id=held.pk, actor=actor, reason=reason)
    return Said(gettext("It is tried again now, with all its tries before it."))


def _skip(held: HeldEvent, actor: Principal, reason: str) -> Said:
    services.skip_held(held_id=held.pk, actor=actor, reason=reason)
    return Said(gettext("%(subscriber)s will never get it.") % {"subscriber": held.subscriber})


@admin.register(HeldEvent)
class HeldEventAdmin(ReasonedActionsAdmin):
    list_display = ["id", "subscriber", "event", "status", "attempts", "available_at", "given_up_at", "error"]
    list_filter = [
        "status",
        ("subscriber", RecentValuesFilter),
        ("given_up_at", admin.EmptyFieldListFilter),
        "held_at",
    ]
    search_fields = ["aggregate_id__exact", "error"]
    id_search_fields = ["event"]
    list_select_related = ["event"]
    reasoned_actions = [
        ReasonedAction(
            name="requeue",
            label=_("Requeue"),
            note=_("The subscriber gets the event again, with all its tries before it, if it is the first in line."),
            perform=_requeue,
            refusal=unless_transition("deliver"),
        ),
        ReasonedAction(
            name="skip",
            label=_("Skip"),
            note=_("The subscriber will never get the event; what waits behind it goes on. There is no way back."),
            perform=_skip,
            refusal=unless_transition("skip"),
            is_grave=True,
        ),
    ]


def attention() -> list[Tile]:
    """Events that a subscriber cannot take, and how far behind the slowest one is."""
    given_up = HeldEvent.objects.held().filter(given_up_at__isnull=False).order_by("-pk")
    url = looks.list_of(HeldEvent, status__exact=HeldStatus.HELD, given_up_at__isempty="0")
    title, todo = gettext("Held events that wait for staff"), gettext("requeue or skip them")
    again = gettext("tried again by themselves")
    return [
        Tile(title, bounded_count(given_up), url, todo, "bad"),
        tile_of_status(HeldEvent, HeldStatus.HELD, gettext("Held events"), detail=again),
        _undelivered(),
    ]


def _undelivered() -> Tile:
    """Of the subscriber whose oldest event has waited longest."""
    most = max(services.status(), key=lambda each: (each.oldest_age_seconds or 0, each.lag + each.held))
    oldest = most.oldest_age_seconds or 0
    return Tile(
        gettext("Undelivered events"),
        BoundedCount(most.lag + most.held, False),
        looks.list_of(Cursor, q=most.subscriber),
        f"{most.subscriber}, {looks.oldest(oldest)}" if most.oldest_age_seconds is not None else "",
        "warn" if oldest > LATE_SECONDS else "quiet",
    )


def timeline_events(subject: Subject, window: Window) -> list[Item]:
    """The invoice's log, or what it says of the payment, with who and why. Two statements."""
    of_payment = Q() if subject.payment_id is None else Q(data__payment=subject.payment_id)
    return _items(Q(aggregate_id=subject.invoice_id) & of_payment, window)


def log_of(aggregate_id: str, window: Window) -> list[Item]:
    """All events of one aggregate, for its own page. Two statements."""
    return _items(Q(aggregate_id=aggregate_id), window)


def log_of_each(aggregate_ids: Sequence[str], window: Window) -> list[Item]:
    """All events of several aggregates that make one story. Two statements."""
    return _items(Q(aggregate_id__in=aggregate_ids), window, "-pk")


def _items(wanted: Q, window: Window, order: str = "-sequence") -> list[Item]:
    """Archived ones too."""
    return [
        _item(event)
        for model in (OutboxEvent, ArchivedEvent)
        for event in window.newest(model.objects.filter(wanted), "occurred_at", order)
    ]


def _item(event: LoggedEvent) -> Item:
    return Item.of(
        event,
        at=event.occurred_at,
        kind=gettext("Event"),
        icon="bolt",
        title=event.type,
        facts=[
            (gettext("by"), Actor(event.actor)),
            (gettext("because"), event.reason),
            (gettext("correlation"), event.correlation_id),
            (gettext("no."), event.sequence),
        ],
        payload=looks.pretty(event.data),
        order=(3, event.sequence),
    )
