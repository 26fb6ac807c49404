"""Customers and invoices. An invoice's page shows everything that has happened to it."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import (
    MadeDateFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ReasonedAction,
    RecentValuesFilter,
    Said,
)
from config.admin.dashboard import Tile, tile_of_status
from config.admin.timeline import Subject, TimelineAdmin, Window
from config.api.principals import Principal
from config.kernel import money
from invoices import services
from invoices.admin.paying import PAY_AGAIN, unless_being_paid
from invoices.models import Customer, Invoice, InvoiceLine
from invoices.states import InvoiceStatus
from payments.models import Payment


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    list_display = ["id", "name", "email", "created_at"]
    search_fields = ["email__exact", "name", "email"]
    search_help_text = _("Id, name or e-mail address")


class LineInline(ReadOnlyInline):
    model = InvoiceLine
    fields = ["position", "description", "quantity", "unit_amount", "amount"]
    ordering = ["position"]
    currency_path = "invoice__currency"
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceLine]:
        rows: QuerySet[InvoiceLine] = super().get_queryset(request)
        return rows.select_related("invoice")


def _void(invoice: Invoice, actor: Principal, reason: str) -> Said:
    services.void_invoice(actor=actor, invoice_id=invoice.pk, reason=reason)
    return Said(_("Nobody owes it any more."))


@admin.register(Invoice)
class InvoiceAdmin(TimelineAdmin):
    list_display = ["id", "number", "status", "amount", "amount_due", "customer", "created_at"]
    list_filter = ["status", ("currency", RecentValuesFilter), ("created_at", MadeDateFilter)]
    search_fields = ["number__exact", "order_id__exact"]
    search_help_text = _("Any id, number or order id")
    id_search_fields = ["customer", "payments", "receipts", "journals"]
    readonly_fields = ["amount_due"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "amount", "amount_due"),
                    ("number", "order_id", "customer"),
                    ("amount_paid", "amount_refunded", "attempts"),
                    ("created_at", "paid_at", "voided_at"),
                    ("due_on", "description", "id"),
                ]
            },
        ),
        (
            _("Made by"),
            {
                "fields": [("owner", "idempotency_operation", "event_sequence"), "idempotency_key_digest", "metadata"],
                "classes": ["collapse"],
            },
        ),
    ]
    inlines = [LineInline]
    reasoned_actions = [
        PAY_AGAIN,
        ReasonedAction(
            name="void",
            label=_("Void"),
            note=_("Nobody will owe it any more, and its journal is reversed. There is no way back."),
            perform=_void,
            refusal=unless_being_paid("void"),
            is_grave=True,
        ),
    ]

    @admin.display(description=_("amount due"))
    def amount_due(self, invoice: Invoice) -> str:
        return money.display(invoice.amount_due, invoice.currency)

    def subject(self, obj: Invoice, window: Window) -> Subject:
        payments = window.newest(Payment.objects.filter(invoice=obj), "created_at")
        return Subject(invoice_id=obj.pk, payments=list(payments))


@admin.register(InvoiceLine)
class InvoiceLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "invoice", "position", "description", "quantity", "unit_amount", "amount"]
    list_select_related = ["invoice"]
    currency_path = "invoice__currency"
    id_search_fields = ["invoice"]


def attention() -> list[Tile]:
    """Invoices that will not be paid unless somebody does something."""
    why = gettext("declined for good; can be paid again")
    return [tile_of_status(Invoice, InvoiceStatus.FAILED, gettext("Failed invoices"), detail=why)]
