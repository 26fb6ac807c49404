"""Plans with their versions: what can be subscribed to, at which price, and how many do."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin import pricing
from billing.admin.wording import price
from billing.models import Plan, PlanVersion, Subscription
from billing.states import LIVE
from config.admin import MadeDateFilter, ReadOnlyInline, ReasonedActionsAdmin, RecentValuesFilter, looks
from config.admin.paginator import as_bounded, count_for_each


class VersionInline(ReadOnlyInline):
    """What is still paid for an old version is told by its live subscriptions."""

    model = PlanVersion
    fk_name = "plan"
    fields = ["number", "amount", "cycle", "trial_days", "grace_days", "after_grace", "features", "live", "created_at"]
    ordering = ["-number"]
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanVersion]:
        live = Subscription.objects.filter(status__in=LIVE)
        rows: QuerySet[PlanVersion] = super().get_queryset(request)
        return rows.annotate(live_count=count_for_each(live, "plan_version"))

    @admin.display(description=_("live subscriptions"))
    def live(self, version: PlanVersion) -> SafeString:
        """Leads to them."""
        url = looks.list_of(Subscription, plan_version__id__exact=version.pk, status__in=",".join(LIVE))
        count = as_bounded(version.live_count)  # type: ignore[attr-defined]
        return format_html('<a class="q-link" href="{}">{}</a>', url, count)


@admin.register(Plan)
class PlanAdmin(ReasonedActionsAdmin):
    list_display = ["id", "name", "family", "price", "version", "is_active", "created_at"]
    list_filter = ["is_active", ("family", RecentValuesFilter), ("created_at", MadeDateFilter)]
    list_select_related = ["latest_version"]
    search_fields = ["family__exact", "name"]
    search_help_text = _("Its id, its family, or a part of its name")
    readonly_fields = ["price", "version"]
    fieldsets = [
        (None, {"fields": [("name", "price", "version"), ("family", "is_active"), ("id", "created_at")]}),
        (
            _("Made by"),
            {
                "fields": [
                    ("idempotency_owner", "idempotency_operation", "event_sequence"),
                    "idempotency_key_digest",
                    "metadata",
                ],
                "classes": ["collapse"],
            },
        ),
    ]
    inlines = [VersionInline]
    reasoned_actions = [pricing.UPDATE, pricing.RETIRE, pricing.BRING_BACK]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return pricing.CREATE.is_allowed_to(request, self.opts)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.offer(request, pricing.CREATE, None, back="../")

    @admin.display(description=_("price"))
    def price(self, plan: Plan) -> str:
        """Of its latest version."""
        return price(plan.latest_version) if plan.latest_version else "-"

    @admin.display(description=_("version"))
    def version(self, plan: Plan) -> int | str:
        return plan.latest_version.number if plan.latest_version else "-"
