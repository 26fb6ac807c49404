"""Customers, invoices and the books, to look at."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from config.admin import ReadOnlyAdmin, ReadOnlyInline
from invoices.models import Customer, Entry, Invoice, InvoiceLine, Journal
from payments.models import Payment


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    list_display = ["id", "name", "email", "created_at"]
    search_fields = ["name", "email"]


class LineInline(ReadOnlyInline):
    model = InvoiceLine
    fields = ["position", "description", "quantity", "unit_amount", "amount"]
    ordering = ["position"]


class PaymentInline(ReadOnlyInline):
    model = Payment
    fk_name = "invoice"
    fields = ["id", "attempt", "status", "amount", "currency", "provider", "failure_code", "created_at"]
    ordering = ["-attempt"]
    show_change_link = True


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = ["id", "number", "status", "amount", "amount_paid", "currency", "customer", "created_at"]
    list_filter = ["status", "currency", "created_at"]
    search_fields = ["number__exact", "order_id__exact"]
    id_search_fields = ["customer", "payments", "receipts", "journals"]
    fieldsets = [
        (None, {"fields": ["id", "number", "order_id", "status", "customer", "description", "due_on"]}),
        (_("Money, in minor units"), {"fields": ["currency", "amount", "amount_paid", "amount_refunded", "attempts"]}),
        (_("When"), {"fields": ["created_at", "paid_at", "voided_at"]}),
        (
            _("Made by"),
            {
                "fields": ["owner", "idempotency_operation", "idempotency_key_digest", "event_sequence", "metadata"],
                "classes": ["collapse"],
            },
        ),
    ]
    inlines = [LineInline, PaymentInline]


@admin.register(InvoiceLine)
class InvoiceLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "invoice", "position", "description", "quantity", "unit_amount", "amount"]
    id_search_fields = ["invoice"]


class EntryInline(ReadOnlyInline):
    model = Entry
    fields = ["account", "amount", "currency"]
    ordering = ["id"]


@admin.register(Journal)
class JournalAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "source", "invoice", "recorded_at"]
    list_filter = ["kind", "recorded_at"]
    search_fields = ["source__exact"]
    id_search_fields = ["invoice"]
    inlines = [EntryInline]


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "journal", "account", "amount", "currency"]
    list_filter = ["currency"]
    search_fields = ["account__exact"]
    id_search_fields = ["journal", "journal__invoice"]
