"""Filters of the lists of invoices, customers and their credit."""

import django_filters

from config.api.filters import IdFilter, MadeFilter
from invoices.models import CreditEntry, CreditKind, Customer, Invoice
from invoices.states import InvoiceStatus


class InvoiceFilter(django_filters.FilterSet):
    """status, customer, number, order_id exactly; created_from (inclusive), created_before (exclusive) as ISO 8601."""

    status = django_filters.MultipleChoiceFilter(choices=InvoiceStatus.choices)
    customer = IdFilter(field_name="customer_id")
    number = django_filters.CharFilter()
    order_id = django_filters.CharFilter()
    created_from = MadeFilter(field_name="created_at", lookup_expr="gte")
    created_before = MadeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Invoice
        fields: list[str] = []


class CustomerFilter(django_filters.FilterSet):
    """email, without regard to case."""

    email = django_filters.CharFilter(lookup_expr="iexact")

    class Meta:
        model = Customer
        fields: list[str] = []


class CreditFilter(django_filters.FilterSet):
    """kind and currency exactly."""

    kind = django_filters.MultipleChoiceFilter(choices=CreditKind.choices)
    currency = django_filters.CharFilter()

    class Meta:
        model = CreditEntry
        fields: list[str] = []
