"""Payments and receipts, to look at."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from config.admin import ReadOnlyAdmin
from payments.models import Payment, Receipt


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "invoice",
        "status",
        "attempt",
        "amount",
        "currency",
        "provider",
        "failure_code",
        "created_at",
    ]
    list_filter = ["status", "provider", "failure_code", "currency", "created_at"]
    search_fields = ["provider_reference__exact", "correlation_id__exact"]
    id_search_fields = ["invoice", "receipts"]
    fieldsets = [
        (None, {"fields": ["id", "invoice", "attempt", "status", "currency", "amount", "amount_refunded"]}),
        (_("At the provider"), {"fields": ["provider", "provider_account", "provider_reference", "payment_method"]}),
        (_("How it failed"), {"fields": ["failure_code", "failure_retryable", "failure_message"]}),
        (
            _("When"),
            {"fields": ["correlation_id", "created_at", "submitted_at", "ended_at", "available_at", "reconciliations"]},
        ),
        (
            _("Made by"),
            {
                "fields": ["idempotency_owner", "idempotency_operation", "idempotency_key_digest"],
                "classes": ["collapse"],
            },
        ),
    ]


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ["id", "payment", "invoice", "status", "amount", "currency", "provider", "received_at"]
    list_filter = ["status", "provider", "currency", "received_at"]
    search_fields = ["provider_reference__exact"]
    id_search_fields = ["payment", "invoice"]
