"""Filters of the list of events."""

import django_filters

from config.api.filters import MadeFilter
from outbox.services import catalogue


class EventFilter(django_filters.FilterSet):
    """type, aggregate (its id), correlation_id exactly; occurred_from and occurred_before as ISO 8601."""

    type = django_filters.ChoiceFilter(choices=[(name, name) for name in catalogue.events()])
    aggregate = django_filters.CharFilter(field_name="aggregate_id")
    correlation_id = django_filters.CharFilter()
    occurred_from = MadeFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = MadeFilter(field_name="occurred_at", lookup_expr="lt")
