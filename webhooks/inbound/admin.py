"""Provider events and their replays, to look at and to replay."""

import functools
from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Left, NullIf
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import (
    MadeDateFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ReasonedAction,
    ReasonedActionsAdmin,
    RecentValuesFilter,
    Said,
    looks,
)
from config.admin.dashboard import Tile, tile_of_status
from config.admin.timeline import PAYLOAD_CHARACTERS, Item, Subject, Window
from config.api.principals import Principal
from payments import services as payments
from webhooks.inbound import services
from webhooks.inbound.models import ArchivedPayload, Outcome, ProviderEvent, Replay
from webhooks.inbound.services import payloads
from webhooks.inbound.states import ENDED, ProviderEventStatus


class ReplayInline(ReadOnlyInline):
    model = Replay
    fields = ["created_at", "actor", "reason", "status_before", "status_after", "outcome", "error"]
    ordering = ["id"]
    per_page = 20


def _replay(event: ProviderEvent, actor: Principal, reason: str) -> Said:
    replay = services.replay(provider_event_id=event.pk, actor=actor, reason=reason)
    ended = replay.status_after in ENDED and not replay.error
    text = gettext("Replayed: %(outcome)s; the event is %(status)s.") % {
        "outcome": replay.get_outcome_display(),
        "status": replay.get_status_after_display(),
    }
    return Said(text, messages.SUCCESS if ended else messages.WARNING)


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReasonedActionsAdmin):
    list_display = ["id", "type", "status", "received_at", "outcome", "attempts", "provider", "event_id"]
    list_filter = [
        "status",
        ("provider", RecentValuesFilter),
        ("type", RecentValuesFilter),
        ("outcome", RecentValuesFilter),
        ("received_at", MadeDateFilter),
    ]
    search_fields = [
        "our_reference__exact",
        "charge_reference__exact",
        "event_id__exact",
        "correlation_id__exact",
    ]
    search_help_text = _("Its id or the provider's, a payment's id or reference, or a correlation id")
    id_search_fields = ["replays"]
    readonly_fields = ["payment", "document"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "outcome", "attempts"),
                    ("type", "provider", "account"),
                    ("payment", "our_reference", "charge_reference"),
                    ("received_at", "processed_at", "available_at"),
                    ("id", "event_id", "correlation_id"),
                    "error",
                    "document",
                ]
            },
        ),
    ]
    inlines = [ReplayInline]
    reasoned_actions = [
        ReasonedAction(
            name="replay",
            label=_("Replay"),
            note=_("Replaying applies it once more; what has already taken effect does not take effect again."),
            perform=_replay,
        )
    ]

    @admin.display(description=_("payment"))
    def payment(self, event: ProviderEvent) -> SafeString | str:
        """The one that it is applied to."""
        return looks.link(
            payments.find_spoken_of(
                provider=event.provider,
                account=event.account,
                our_reference=event.our_reference,
                charge_reference=event.charge_reference,
            )
        )

    @admin.display(description=_("payload as it was sent, card numbers masked"))
    def document(self, event: ProviderEvent) -> SafeString:
        return looks.code(payloads.of(event))


@admin.register(Replay)
class ReplayAdmin(ReadOnlyAdmin):
    list_display = ["id", "event", "actor", "reason", "status_before", "status_after", "outcome", "created_at"]
    list_filter = ["outcome", "status_after", "created_at"]
    search_fields = ["event__event_id__exact", "actor__exact", "correlation_id__exact"]
    search_help_text = _("Its id, an event's, an actor or a correlation id")
    id_search_fields = ["event"]


def attention() -> list[Tile]:
    """Events that nobody could apply, and those that wait for what they speak of."""
    return [
        _events(ProviderEventStatus.DEAD, gettext("Dead provider events"), tone="bad"),
        _events(ProviderEventStatus.PARKED, gettext("Parked provider events")),
        _events(ProviderEventStatus.RECEIVED, gettext("Provider events to retry")),
    ]


_events = functools.partial(tile_of_status, ProviderEvent, made="received_at")


def timeline_provider_events(subject: Subject, window: Window) -> list[Item]:
    """What providers said about the payments, by our reference or by theirs. One statement."""
    named = Q(our_reference__in=[payment.pk for payment in subject.payments])
    for provider in {payment.provider for payment in subject.payments if payment.provider_reference}:
        references = [row.provider_reference for row in subject.payments if row.provider == provider]
        named |= Q(provider=provider, charge_reference__in=[text for text in references if text])
    archived = ArchivedPayload.objects.filter(id=OuterRef("id")).values("payload")
    head = Left(Coalesce(NullIf("payload", Value("")), Subquery(archived), Value("")), PAYLOAD_CHARACTERS + 1)
    rows = ProviderEvent.objects.filter(named).values(
        "id", "event_id", "type", "provider", "status", "outcome", "error", "attempts", "received_at", head=head
    )
    return [_item(row) for row in window.newest(rows, "received_at")]


def _item(row: Mapping[str, Any]) -> Item:
    return Item(
        at=row["received_at"],
        kind=gettext("Provider event"),
        icon="move_to_inbox",
        title=row["type"] or gettext("garbage"),
        href=looks.page_of("inbound", "providerevent", row["id"]),
        status=looks.label(row["status"], str(ProviderEventStatus(row["status"]).label)),
        facts=[
            (gettext("from"), row["provider"]),
            (gettext("id"), row["event_id"]),
            (gettext("outcome"), Outcome(row["outcome"]).label if row["outcome"] else ""),
            (gettext("tries"), row["attempts"]),
            (gettext("error"), row["error"]),
        ],
        payload=row["head"][:PAYLOAD_CHARACTERS],
        payload_goes_on=len(row["head"]) > PAYLOAD_CHARACTERS,
        order=(1, row["id"]),
    )
