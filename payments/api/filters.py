"""Filters of the lists of payments, payment methods, refunds, receipts and disputes."""

import django_filters
from django.db.models import QuerySet

from config.api.filters import IdFilter, MadeFilter
from payments.models import Dispute, Payment, PaymentMethod, Receipt, Refund
from payments.states import DisputeStatus, PaymentStatus, ReceiptStatus, RefundStatus


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


class PaymentMethodFilter(django_filters.FilterSet):
    """customer exactly. detached: "true" for those that are; without it, those that can be paid with."""

    customer = IdFilter(field_name="customer_id")
    detached = django_filters.ChoiceFilter(choices=[("true", "true"), ("false", "false")], method="filter_detached")

    class Meta:
        model = PaymentMethod
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[PaymentMethod]) -> QuerySet[PaymentMethod]:
        found: QuerySet[PaymentMethod] = super().filter_queryset(queryset)
        return found if self.form.cleaned_data["detached"] else found.filter(detached_at=None)

    def filter_detached(self, rows: QuerySet[PaymentMethod], name: str, value: str) -> QuerySet[PaymentMethod]:
        return rows.filter(detached_at__isnull=value == "false")


class _OfPayment(django_filters.FilterSet):
    """What belongs to a payment: by that, by its invoice and by where it is known at the provider, exactly."""

    payment = IdFilter(field_name="payment_id")
    invoice = IdFilter(field_name="invoice_id")
    provider = django_filters.CharFilter()
    provider_reference = django_filters.CharFilter()


class RefundFilter(_OfPayment):
    """status, payment, invoice, receipt, provider, provider_reference exactly; created_from and created_before."""

    status = django_filters.MultipleChoiceFilter(choices=RefundStatus.choices)
    receipt = IdFilter(field_name="receipt_id")
    created_from = MadeFilter(field_name="created_at", lookup_expr="gte")
    created_before = MadeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Refund
        fields: list[str] = []


class ReceiptFilter(_OfPayment):
    """status, payment, invoice, provider, provider_reference exactly; received_from and received_before.

    unapplied: "true" for those of which some money pays nothing and waits.
    """

    status = django_filters.MultipleChoiceFilter(choices=ReceiptStatus.choices)
    unapplied = django_filters.ChoiceFilter(choices=[("true", "true"), ("false", "false")], method="filter_unapplied")
    received_from = MadeFilter(field_name="received_at", lookup_expr="gte")
    received_before = MadeFilter(field_name="received_at", lookup_expr="lt")

    class Meta:
        model = Receipt
        fields: list[str] = []

    def filter_unapplied(self, rows: QuerySet[Receipt], name: str, value: str) -> QuerySet[Receipt]:
        return rows.filter(amount_unapplied__gt=0) if value == "true" else rows.filter(amount_unapplied=0)


class DisputeFilter(_OfPayment):
    """status, payment, invoice, provider, provider_reference exactly; opened_from and opened_before."""

    status = django_filters.MultipleChoiceFilter(choices=DisputeStatus.choices)
    opened_from = MadeFilter(field_name="opened_at", lookup_expr="gte")
    opened_before = MadeFilter(field_name="opened_at", lookup_expr="lt")

    class Meta:
        model = Dispute
        fields: list[str] = []
