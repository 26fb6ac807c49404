"""Subscriptions: what happens to them next and why, what they have been billed and have used, and all that happened."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.mending import ACTIONS, OFFERED_PLANS
from billing.admin.wording import next_step, price
from billing.models import Plan, PlanVersion, Subscription, SubscriptionInvoice, UsageCounter
from billing.services import features
from billing.states import SubscriptionStatus
from config.admin import (
    MadeDateFilter,
    ReadOnlyInline,
    ReasonedActionsAdmin,
    RecentValuesFilter,
    bounded_count,
    filters,
    looks,
)
from config.admin.dashboard import Tile, tile_of_status
from config.admin.timeline import Item, Window, paged, window_of
from config.kernel import clock, money
from config.kernel.fields import by_id
from outbox.admin import log_of_each

LATE_SECONDS = 900
"""Something that should have happened by itself longer ago than this is worth a look."""


class BilledInline(ReadOnlyInline):
    """The invoices that it has caused, newest first."""

    model = SubscriptionInvoice
    verbose_name_plural = _("Invoices")
    fields = ["invoice", "status", "amount", "amount_due", "period", "created_at"]
    ordering = ["-id"]
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[SubscriptionInvoice]:
        rows: QuerySet[SubscriptionInvoice] = super().get_queryset(request)
        return rows.select_related("invoice")

    @admin.display(description=_("status"))
    def status(self, billed: SubscriptionInvoice) -> SafeString | str:
        return looks.label(billed.invoice.status, billed.invoice.get_status_display())

    @admin.display(description=_("amount"))
    def amount(self, billed: SubscriptionInvoice) -> str:
        return money.display(billed.invoice.amount, billed.invoice.currency)

    @admin.display(description=_("amount due"))
    def amount_due(self, billed: SubscriptionInvoice) -> str:
        return money.display(billed.invoice.amount_due, billed.invoice.currency)


class UsageInline(ReadOnlyInline):
    """What was used in each period, newest first; the limit is that of the plan it has now."""

    model = UsageCounter
    verbose_name_plural = _("Usage")
    fields = ["counter", "period", "used", "limit", "closed_at"]
    ordering = ["-period", "feature"]
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[UsageCounter]:
        rows: QuerySet[UsageCounter] = super().get_queryset(request)
        return rows.select_related("subscription__plan_version")

    @admin.display(description=_("feature"))
    def counter(self, counter: UsageCounter) -> SafeString:
        return format_html('<a class="q-link" href="{}">{}</a>', looks.url_of(counter), counter.feature)

    @admin.display(description=_("limit"))
    def limit(self, counter: UsageCounter) -> str:
        """Of the current period alone: what is over had whatever the plan of its time said."""
        if counter.period != counter.subscription.period:
            return "-"
        held = features.read(counter.subscription.plan_version.features).get(counter.feature)
        if held is None or not held.is_metered:
            return "-"
        return gettext("none") if held.limit is None else f"{held.limit:,}"


class PlanFilter(admin.SimpleListFilter):
    """One plan, in whichever version; offers the newest ones."""

    parameter_name = "plan"

    @property
    def title(self) -> Any:  # type: ignore[override]
        return filters.titled(_("plan"))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Plan.objects.order_by("-pk").values_list("pk", "name")[:OFFERED_PLANS])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> QuerySet[Subscription]:
        if not self.value():
            return queryset
        plan = by_id(Plan.objects, self.value() or "")
        versions = PlanVersion.objects.filter(plan=plan).values_list("pk", flat=True)
        return filters.among_newest(queryset).filter(plan_version__in=list(versions))


class DueFilter(admin.SimpleListFilter):
    """When something happens by itself."""

    parameter_name = "due"

    @property
    def title(self) -> Any:  # type: ignore[override]
        return filters.titled(_("due"))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("now", _("now")), ("day", _("within a day")), ("week", _("within a week")), ("never", _("never"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> QuerySet[Subscription]:
        if self.value() == "never":
            return filters.among_newest(queryset).filter(due_at__isnull=True)
        days = {"now": 0, "day": 1, "week": 7}.get(self.value() or "")
        if days is None:
            return queryset
        return filters.among_newest(queryset).filter(due_at__lte=clock.now() + datetime.timedelta(days=days))


@admin.register(Subscription)
class SubscriptionAdmin(ReasonedActionsAdmin):
    list_display = ["id", "customer", "plan_and_price", "status", "period", "due_at", "ends"]
    list_filter = [
        "status",
        PlanFilter,
        DueFilter,
        ("cancels_at_period_end", RecentValuesFilter),
        ("created_at", MadeDateFilter),
    ]
    list_select_related = ["plan_version__plan"]
    search_fields = ["customer__email__exact"]
    search_help_text = _("Its id, a customer's or an invoice's, or the customer's e-mail address")
    id_search_fields = ["customer", "billed__invoice"]
    readonly_fields = ["plan", "price", "changes_to", "next_step"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "customer", "plan"),
                    ("price", "period"),
                    ("period_starts_at", "period_ends_at"),
                    ("id", "created_at"),
                ]
            },
        ),
        (
            _("What comes next"),
            {
                "fields": [
                    ("due_at", "next_step"),
                    ("changes_to", "cancels_at_period_end", "voids_open_invoices"),
                    ("past_due_at", "trial_ends_at"),
                    ("ended_at", "cancel_reason"),
                ]
            },
        ),
        (_("Paid with"), {"fields": [("provider", "payment_method")]}),
        (
            _("Periods"),
            {"fields": [("time_zone", "anchored_at", "anchor_cycles"), ("family", "live_family", "trial_family")],
             "classes": ["collapse"]},
        ),
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
    ]  # fmt: skip
    inlines = [BilledInline, UsageInline]
    reasoned_actions = ACTIONS
    change_form_outer_after_template = "admin/story.html"

    @admin.display(description=_("plan"))
    def plan(self, subscription: Subscription) -> SafeString | str:
        return _linked(subscription.plan_version)

    @admin.display(description=_("price"))
    def price(self, subscription: Subscription) -> str:
        return price(subscription.plan_version)

    @admin.display(description=_("plan"))
    def plan_and_price(self, subscription: Subscription) -> SafeString:
        """What a list says of it: the plan, and what it costs."""
        version = subscription.plan_version
        return format_html('<span class="q-offer">{}<br>{}</span>', _linked(version), price(version))

    @admin.display(description=_("then"))
    def ends(self, subscription: Subscription) -> SafeString | str:
        return looks.label("canceled", gettext("ends")) if subscription.cancels_at_period_end else "-"

    @admin.display(description=_("changes to"))
    def changes_to(self, subscription: Subscription) -> SafeString | str:
        following = subscription.next_plan_version
        return _linked(following) if following else "-"

    @admin.display(description=_("what happens then"))
    def next_step(self, subscription: Subscription) -> str:
        return next_step(subscription)

    def page_context(self, request: HttpRequest, obj: Subscription) -> dict[str, Any]:
        window = window_of(request)
        may_see = request.user.has_perm
        story = _story(obj, window) if may_see("outbox.view_outboxevent") and may_see("invoices.view_invoice") else None
        return super().page_context(request, obj) | {"timeline": story}


def _linked(version: PlanVersion) -> SafeString:
    url, said = looks.url_of(version.plan), {"name": version.plan.name, "number": version.number}
    return format_html('<a class="q-link" href="{}">{}</a>', url, gettext("%(name)s, version %(number)s") % said)


def _story(subscription: Subscription, window: Window) -> Any:
    """Its log with those of the invoices that it has caused. Three statements."""
    billed = SubscriptionInvoice.objects.filter(subscription=subscription).select_related("invoice")
    shown = window.newest(billed, "created_at")
    found = log_of_each([subscription.pk, *(each.invoice_id for each in shown)], window)
    return paged([*found, *_invoices(shown)], window)


def _invoices(billed: Sequence[SubscriptionInvoice] | QuerySet[SubscriptionInvoice]) -> list[Item]:
    return [
        Item.of(
            each.invoice,
            at=each.created_at,
            kind=gettext("Invoice"),
            icon="receipt_long",
            title=money.display(each.invoice.amount, each.invoice.currency),
            facts=[
                (gettext("id"), each.invoice_id),
                (gettext("period"), gettext("a change within it") if each.period is None else each.period),
            ],
            order=(0, each.invoice_id),
        )
        for each in billed
    ]


def attention_subscriptions() -> list[Tile]:
    """Those that owe, those that are suspended for it, and those whose time has come without anything happening."""
    return [
        tile_of_status(
            Subscription,
            SubscriptionStatus.PAST_DUE,
            gettext("Past due subscriptions"),
            detail=gettext("served until their days of grace are over"),
        ),
        tile_of_status(
            Subscription,
            SubscriptionStatus.UNPAID,
            gettext("Unpaid subscriptions"),
            detail=gettext("suspended until somebody pays"),
            tone="bad",
        ),
        _overdue(),
    ]


def _overdue() -> Tile:
    """Nobody renews and ends what is due: the sweep does not run, or cannot."""
    late = clock.now() - datetime.timedelta(seconds=LATE_SECONDS)
    rows = Subscription.objects.due(late)
    return Tile(
        gettext("Overdue renewals"),
        bounded_count(rows),
        looks.list_of(Subscription, due_at__lte=late.isoformat()),
        looks.oldest_since(rows.values_list("due_at", flat=True).first()),
        "bad",
    )
