"""Filters of the lists of plans and subscriptions."""

import django_filters
from django.db.models import QuerySet

from billing.models import Plan, Subscription
from billing.states import SubscriptionStatus
from config.api.filters import IdFilter, MadeFilter


class PlanFilter(django_filters.FilterSet):
    """family exactly; is_active: "true" or "false"."""

    family = django_filters.CharFilter()
    is_active = django_filters.ChoiceFilter(choices=[("true", "true"), ("false", "false")], method="filter_active")

    class Meta:
        model = Plan
        fields: list[str] = []

    def filter_active(self, rows: QuerySet[Plan], name: str, value: str) -> QuerySet[Plan]:
        return rows.filter(is_active=value == "true")


class SubscriptionFilter(django_filters.FilterSet):
    """status, customer, plan exactly; created_from (inclusive), created_before (exclusive) as ISO 8601."""

    status = django_filters.MultipleChoiceFilter(choices=SubscriptionStatus.choices, distinct=False)
    customer = IdFilter(field_name="customer_id")
    plan = IdFilter(field_name="plan_version__plan_id")
    created_from = MadeFilter(field_name="created_at", lookup_expr="gte")
    created_before = MadeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Subscription
        fields: list[str] = []
