"""The provider's books beside ours: the runs that read them, the lines they read, and what differs."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, ReadOnlyAdmin, RecentValuesFilter, bounded_count, looks
from config.admin.dashboard import Tile
from config.kernel import money
from payments.models import Difference, SettlementLine, SettlementRun

_PAGES = {"pay": "payment", "rct": "receipt", "re": "refund", "dp": "dispute", "stl": "settlementline"}
"""Whose page an id of ours leads to, by its prefix."""


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "subject", "ours", "expected", "found", "detail", "mend", "found_at", "mended_at"]
    list_filter = [
        ("mended_at", admin.EmptyFieldListFilter),
        ("kind", RecentValuesFilter),
        ("subject", RecentValuesFilter),
        ("provider", RecentValuesFilter),
        ("found_at", MadeDateFilter),
    ]
    search_fields = ["provider_reference__exact"]
    search_help_text = _("Its own id, its run's, or a provider reference")
    id_search_fields = ["run"]
    fieldsets = [
        (None, {"fields": [("kind", "subject", "ours"), ("expected", "found"), "detail", ("mend", "mended_at")]}),
        (_("At the provider"), {"fields": [("provider", "provider_account"), ("provider_reference", "line_status")]}),
        (_("When"), {"fields": [("booked_at", "found_at"), ("id", "run")]}),
    ]

    @admin.display(description=_("ours"))
    def ours(self, obj: Difference) -> SafeString | str:
        """Our payment, receipt, refund, dispute or line."""
        model = _PAGES.get(obj.our_id.partition("_")[0])
        if model is None:
            return str(obj.our_id)
        url = looks.page_of("payments", model, obj.our_id)
        return format_html('<a class="q-link" href="{}">{}</a>', url, obj.our_id)

    @admin.display(description=_("by our books"))
    def expected(self, obj: Difference) -> str:
        return _shown(obj.expected_amount, obj.expected_currency)

    @admin.display(description=_("by the provider's"))
    def found(self, obj: Difference) -> str:
        return _shown(obj.found_amount, obj.found_currency)


@admin.register(SettlementLine)
class SettlementLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "status", "moved", "provider", "provider_reference", "our_reference", "booked_at"]
    list_filter = [("kind", RecentValuesFilter), ("provider", RecentValuesFilter), ("currency", RecentValuesFilter)]
    search_fields = ["provider_reference__exact"]
    search_help_text = _("Any id or provider reference")
    id_search_fields = ["run"]
    fieldsets = [
        (None, {"fields": [("kind", "status", "moved"), ("our_reference", "charge_reference")]}),
        (_("At the provider"), {"fields": [("provider", "provider_account", "provider_reference"), "booked_at"]}),
        (_("Read"), {"fields": [("id", "run")]}),
    ]

    @admin.display(description=_("moved"))
    def moved(self, obj: SettlementLine) -> str:
        """What it did to our balance there."""
        return _shown(obj.amount, obj.currency)


@admin.register(SettlementRun)
class SettlementRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "provider", "since", "until", "read_until", "started_at", "finished_at", "problem"]
    list_filter = [("provider", RecentValuesFilter), ("started_at", MadeDateFilter)]
    search_help_text = _("Any id")
    fieldsets = [
        (None, {"fields": [("since", "until", "read_until"), ("started_at", "finished_at"), "problem"]}),
        (_("At the provider"), {"fields": [("provider", "provider_account"), "id"]}),
    ]


def _shown(amount: int | None, currency: str) -> str:
    return gettext("nothing") if amount is None else money.display(amount, currency)


def attention_settlement() -> list[Tile]:
    """Where a provider's books and ours differ, and only a person can tell why."""
    rows: Any = Difference.objects.filter(mended_at=None)
    url = looks.list_of(Difference, mended_at__isempty="1")
    detail = gettext("the provider's books differ from ours")
    return [Tile(gettext("Differences"), bounded_count(rows.order_by("-pk")), url, detail, "bad")]
