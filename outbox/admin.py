"""The log and the relay's state, to look at; held events are requeued and skipped here."""

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import ReadOnlyAdmin, ReasonedAction, ReasonedActionsAdmin, Said
from config.api.principals import Principal
from outbox import services
from outbox.models import Cursor, HeldEvent, OutboxEvent
from outbox.states import HeldStatus


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ["id", "type", "aggregate_id", "sequence", "position", "actor", "reason", "occurred_at"]
    list_filter = ["aggregate_type", "type", "occurred_at"]
    search_fields = ["aggregate_id", "correlation_id", "actor"]


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


def _is_held(held: HeldEvent) -> bool:
    return bool(held.status == HeldStatus.HELD)


@admin.register(HeldEvent)
class HeldEventAdmin(ReasonedActionsAdmin):
    list_display = ["id", "subscriber", "event", "status", "attempts", "available_at", "given_up_at", "error"]
    list_filter = ["status", "subscriber", ("given_up_at", admin.EmptyFieldListFilter), "held_at"]
    search_fields = ["aggregate_id", "error"]
    id_search_fields = ["event"]
    list_select_related = ["event"]
    reasoned_actions = [
        ReasonedAction(
            name="requeue",
            label=_("Requeue"),
            note=_("The subscriber gets the event again, with all its tries before it, if it is the first in line."),
            perform=_requeue,
            is_offered=_is_held,
        ),
        ReasonedAction(
            name="skip",
            label=_("Skip"),
            note=_("The subscriber will never get the event; what waits behind it goes on. There is no way back."),
            perform=_skip,
            is_offered=_is_held,
        ),
    ]
