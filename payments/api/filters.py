"""Filters of the lists of payments, refunds, receipts and disputes."""

import django_filters

from config.api.filters import IdFilter, MadeFilter
from config.kernel.money import MAX_AMOUNT
from payments.models import Dispute, Payment, Receipt, Refund
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


class RefundFilter(django_filters.FilterSet):
    """status, payment, invoice, receipt, provider, provider_reference exactly; created_from and created_before."""

    status = django_filters.MultipleChoiceFilter(choices=RefundStatus.choices)
    payment = IdFilter(field_name="payment_id")
    invoice = IdFilter(field_name="invoice_id")
    receipt = IdFilter(field_name="receipt_id")
    provider = django_filters.CharFilter()
    provider_reference = django_filters.CharFilter()
    created_from = MadeFilter(field_name="created_at", lookup_expr="gte")
    created_before = MadeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Refund
        fields: list[str] = []


class ReceiptFilter(django_filters.FilterSet):
    """status, payment, invoice, provider, provider_reference exactly; received_from and received_before.

    unapplied_from: at least so many minor units pay nothing; 1 finds all money that waits.
    """

    status = django_filters.MultipleChoiceFilter(choices=ReceiptStatus.choices)
    payment = IdFilter(field_name="payment_id")
    invoice = IdFilter(field_name="invoice_id")
    provider = django_filters.CharFilter()
    provider_reference = django_filters.CharFilter()
    unapplied_from = django_filters.NumberFilter(
        field_name="amount_unapplied", lookup_expr="gte", min_value=1, max_value=MAX_AMOUNT
    )
    received_from = MadeFilter(field_name="received_at", lookup_expr="gte")
    received_before = MadeFilter(field_name="received_at", lookup_expr="lt")

    class Meta:
        model = Receipt
        fields: list[str] = []


class DisputeFilter(django_filters.FilterSet):
    """status, payment, invoice, provider, provider_reference exactly; opened_from and opened_before."""

    status = django_filters.MultipleChoiceFilter(choices=DisputeStatus.choices)
    payment = IdFilter(field_name="payment_id")
    invoice = IdFilter(field_name="invoice_id")
    provider = django_filters.CharFilter()
    provider_reference = django_filters.CharFilter()
    opened_from = MadeFilter(field_name="opened_at", lookup_expr="gte")
    opened_before = MadeFilter(field_name="opened_at", lookup_expr="lt")

    class Meta:
        model = Dispute
        fields: list[str] = []
