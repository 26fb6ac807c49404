"""Why an invoice is owed, and what a customer is subscribed to: links into billing."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.models import Subscription, SubscriptionInvoice
from config.admin import ReadOnlyInline, looks
from invoices.models import Invoice


class SubscriptionInline(ReadOnlyInline):
    model = Subscription
    fields = ["known_as", "plan", "status", "period_ends_at", "due_at", "created_at"]
    ordering = ["-id"]
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.select_related("plan_version__plan")

    @admin.display(description=_("id"))
    def known_as(self, subscription: Subscription) -> SafeString | str:
        return looks.link(subscription)

    @admin.display(description=_("plan"))
    def plan(self, subscription: Subscription) -> Any:
        return subscription.plan_version.plan.name


def subscription_of(invoice: Invoice) -> SafeString | str:
    """What caused it, if a subscription did. One statement, however often it is asked for on a page."""
    billed: SubscriptionInvoice | None = getattr(invoice, "subscription_invoice", None)
    return looks.link(billed.subscription if billed else None)
