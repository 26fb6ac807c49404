"""Staff looks here at what was used. Nothing of it is changed by hand."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models import UsageCounter, UsageRecord
from config.admin import ReadOnlyAdmin, looks


@admin.register(UsageCounter)
class UsageCounterAdmin(ReadOnlyAdmin):
    """What one subscription has used of one feature in one period."""

    list_display = ["id", "feature", "used", "period", "subscription", "closed_at", "created_at"]
    id_search_fields = ["subscription", "subscription__customer"]
    search_help_text = _("Id, subscription or customer")
    readonly_fields = ["each_use"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("feature", "used", "each_use"),
                    ("subscription", "period"),
                    ("created_at", "closed_at"),
                    ("id", "event_sequence"),
                ]
            },
        )
    ]

    @admin.display(description=_("each use"))
    def each_use(self, counter: UsageCounter) -> SafeString:
        address = looks.list_of(UsageRecord, counter__id__exact=counter.pk)
        return format_html('<a class="q-link" href="{}">{}</a>', address, gettext("show"))


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    """One use, and how the feature stood right after it."""

    list_display = ["id", "counter", "delta", "used_after", "limit", "actor", "created_at"]
    id_search_fields = ["counter"]
    search_help_text = _("Id, or its counter's")
