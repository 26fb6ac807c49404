"""Provider events and their replays, to look at and to replay."""

from django.contrib import admin, messages
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import ReadOnlyAdmin, ReadOnlyInline, ReasonedAction, ReasonedActionsAdmin, Said
from config.api.principals import Principal
from webhooks.inbound import services
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.inbound.states import ENDED


class ReplayInline(ReadOnlyInline):
    model = Replay
    fields = ["created_at", "actor", "reason", "status_before", "status_after", "outcome", "error"]
    ordering = ["id"]


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
    list_display = ["id", "event_id", "type", "provider", "status", "outcome", "attempts", "received_at"]
    list_filter = ["status", "provider", "type", "outcome", "received_at"]
    search_fields = [
        "event_id__exact",
        "our_reference__exact",
        "charge_reference__exact",
        "correlation_id__exact",
    ]
    id_search_fields = ["replays"]
    inlines = [ReplayInline]
    reasoned_actions = [
        ReasonedAction(
            name="replay",
            label=_("Replay"),
            note=_("Replaying applies it once more; what has already taken effect does not take effect again."),
            perform=_replay,
        )
    ]


@admin.register(Replay)
class ReplayAdmin(ReadOnlyAdmin):
    list_display = ["id", "event", "actor", "reason", "status_before", "status_after", "outcome", "created_at"]
    list_filter = ["outcome", "status_after", "created_at"]
    search_fields = ["event__event_id__exact", "actor__exact", "correlation_id__exact"]
    id_search_fields = ["event"]
