"""The provider's books beside ours: the runs that read them, the lines they read, and what differs."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
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
    unless_refused,
)
from config.admin.dashboard import Tile
from config.api.principals import Principal
from config.kernel import money
from payments import services
from payments.models import Difference, SettlementLine, SettlementRun

_PAGES = {"pay": "payment", "rct": "receipt", "re": "refund", "dp": "dispute", "stl": "settlementline"}
"""Whose page an id of ours leads to, by its prefix."""


def _close(difference: Difference, actor: Principal, reason: str) -> Said:
    services.close_difference(actor=actor, difference_id=difference.pk, reason=reason)
    return Said(_("It is closed, and stays so while nothing about it changes."))


CLOSE = ReasonedAction(
    name="close",
    label=_("Close"),
    note=_("It is settled, at the provider or otherwise: it waits for nobody. Nothing is booked by that."),
    perform=_close,
    refusal=unless_refused(services.check_closable),
)


@admin.register(Difference)
class DifferenceAdmin(ReasonedActionsAdmin):
    list_display = ["id", "kind", "subject", "ours", "expected", "found", "detail", "mend", "found_at", "resolved_at"]
    list_filter = [
        ("resolved_at", admin.EmptyFieldListFilter),
        ("mend", RecentValuesFilter),
        ("kind", RecentValuesFilter),
        ("subject", RecentValuesFilter),
        ("provider", RecentValuesFilter),
        ("found_at", MadeDateFilter),
    ]
    search_fields = ["provider_reference__exact"]
    search_help_text = _("Its own id, its run's, or a provider reference")
    id_search_fields = ["run"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("kind", "subject", "ours"),
                    ("expected", "found"),
                    "detail",
                    ("mend", "resolved_at"),
                    ("closed_by", "closed_reason"),
                ]
            },
        ),
        (_("At the provider"), {"fields": [("provider", "provider_account"), ("provider_reference", "line_status")]}),
        (_("When"), {"fields": [("booked_at", "found_at"), ("id", "run")]}),
    ]
    reasoned_actions = [CLOSE]

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
    rows: Any = Difference.objects.filter(resolved_at=None)
    url = looks.list_of(Difference, resolved_at__isempty="1")
    detail = gettext("the provider's books differ from ours")
    return [Tile(gettext("Differences"), bounded_count(rows.order_by("-pk")), url, detail, "bad")]
