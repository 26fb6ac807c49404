"""Filters of the lists of webhook endpoints and deliveries."""

import django_filters
from django.db.models import QuerySet

from config.api.filters import MadeFilter
from outbox.services import catalogue
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.services import PING
from webhooks.outbound.states import DeliveryStatus, EndpointStatus

TYPES = [PING, *catalogue.events()]
"""What a delivery may be of."""


class EndpointFilter(django_filters.FilterSet):
    """status; without it all that are not deleted."""

    status = django_filters.MultipleChoiceFilter(choices=EndpointStatus.choices)

    class Meta:
        model = Endpoint
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
        found: QuerySet[Endpoint] = super().filter_queryset(queryset)
        return found if self.form.cleaned_data["status"] else found.exclude(status=EndpointStatus.DELETED)


class DeliveryFilter(django_filters.FilterSet):
    """status and type exactly; created_from (inclusive), created_before (exclusive) as ISO 8601."""

    status = django_filters.MultipleChoiceFilter(choices=DeliveryStatus.choices)
    type = django_filters.ChoiceFilter(choices=[(name, name) for name in TYPES])
    created_from = MadeFilter(field_name="created_at", lookup_expr="gte")
    created_before = MadeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Delivery
        fields: list[str] = []
