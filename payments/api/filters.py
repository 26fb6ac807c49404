"""Filters of the payment list."""

import django_filters

from config.api.filters import IdFilter, MadeFilter
from payments.models import Payment
from payments.states import PaymentStatus


class PaymentFilter(django_filters.FilterSet):
    """status, invoice, order_id, provider, provider_reference exactly; created_from and created_before as ISO 8601."""

    status = django_filters.MultipleChoiceFilter(choices=PaymentStatus.choices)
    invoice = IdFilter(field_name="invoice_id")
    order_id = django_filters.CharFilter(field_name="invoice__order_id")
    provider = django_filters.CharFilter()
    provider_reference = django_filters.CharFilter()
    created_from = MadeFilter(field_name="created_at", lookup_expr="gte")
    created_before = MadeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Payment
        fields: list[str] = []
