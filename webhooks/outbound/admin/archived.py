"""Archived deliveries, to look at."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.admin import ReadOnlyAdmin, looks
from webhooks.outbound.admin.deliveries import DeliveryAdmin
from webhooks.outbound.models import ArchivedDelivery


@admin.register(ArchivedDelivery)
class ArchivedDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["type", "endpoint", "status", "status_code", "error", "created_at", "ended_at"]
    list_filter = DeliveryAdmin.list_filter
    list_select_related = DeliveryAdmin.list_select_related
    search_fields = ["event_id__exact"]
    search_help_text = _("Its id, its event's or its endpoint's")
    id_search_fields = ["endpoint"]
    readonly_fields = ["as_they_went"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "type", "status_code"),
                    ("endpoint", "event_id"),
                    ("created_at", "ended_at"),
                    ("actor", "reason"),
                    ("id", "error"),
                    "as_they_went",
                ]
            },
        ),
    ]

    @admin.display(description=_("every try"))
    def as_they_went(self, delivery: ArchivedDelivery) -> SafeString:
        return looks.code(looks.pretty(delivery.tries))
