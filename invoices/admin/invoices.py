"""Customers and invoices. An invoice's page shows everything that has happened to it."""

import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import (
    MadeDateFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ReasonedAction,
    ReasonedActionsAdmin,
    RecentValuesFilter,
    Said,
    bounded_count,
    looks,
)
from config.admin.dashboard import Tile, tile_of_status
from config.admin.timeline import Item, Subject, TimelineAdmin, Window
from config.api.principals import Principal
from config.kernel import clock, money
from invoices import services
from invoices.admin.credit import CREDIT_ACTIONS, CreditInline
from invoices.admin.paying import PAY_AGAIN, unless_being_paid
from invoices.admin.subscriptions import SubscriptionInline, subscription_of
from invoices.models import Customer, Invoice, InvoiceLine
from invoices.states import InvoiceStatus
from payments.models import Payment, PaymentMethod

LATE_SECONDS = 60
"""A payment that should have been made by itself longer ago than this is worth a look."""


class PaymentMethodInline(ReadOnlyInline):
    model = PaymentMethod
    fk_name = "customer"
    fields = ["method", "exp_month", "exp_year", "is_default", "created_at", "detached_at"]
    ordering = ["-id"]
    per_page = 20

    @admin.display(description=_("payment method"))
    def method(self, method: PaymentMethod) -> str:
        return looks.link(method)

    @admin.display(description=_("default"), boolean=True)
    def is_default(self, method: PaymentMethod) -> bool:
        return method.is_default


@admin.register(Customer)
class CustomerAdmin(ReasonedActionsAdmin):
    list_display = ["id", "name", "email", "created_at"]
    search_fields = ["email__exact", "name", "email"]
    search_help_text = _("Id, name or e-mail address")
    readonly_fields = ["credit"]
    inlines = [SubscriptionInline, PaymentMethodInline, CreditInline]
    reasoned_actions = CREDIT_ACTIONS

    @admin.display(description=_("credit"))
    def credit(self, customer: Customer) -> str:
        """What pays the next invoices."""
        return ", ".join(money.display(amount, currency) for currency, amount in customer.credit_balances()) or "-"


class LineInline(ReadOnlyInline):
    model = InvoiceLine
    fields = ["position", "description", "starts_at", "ends_at", "quantity", "unit_amount", "tax_amount", "amount"]
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
    id_search_fields = ["customer", "payments", "receipts", "refunds", "disputes", "journals"]
    readonly_fields = ["amount_due", "retries", "subscription"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "amount", "amount_due"),
                    ("number", "order_id", "customer"),
                    ("amount_paid", "amount_credited", "amount_refunded", "tax_amount"),
                    ("attempts", "next_attempt_at", "retries"),
                    ("created_at", "paid_at", "voided_at"),
                    ("due_on", "description", "subscription"),
                    "id",
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

    @admin.display(description=_("tried again"))
    def retries(self, invoice: Invoice) -> str:
        """Its retry policy in words."""
        policy = services.RetryPolicy.from_json(invoice.retry_policy)
        if policy.max_attempts == 1:
            return gettext("never by itself")
        return gettext("up to %(max_attempts)s tries, %(base)s after the first, at most %(cap)s apart") % {
            "max_attempts": policy.max_attempts,
            "base": looks.age(policy.base_seconds),
            "cap": looks.age(policy.cap_seconds),
        }

    @admin.display(description=_("subscription"))
    def subscription(self, invoice: Invoice) -> SafeString | str:
        return subscription_of(invoice)

    def subject(self, obj: Invoice, window: Window) -> Subject:
        payments = window.newest(Payment.objects.filter(invoice=obj), "created_at")
        return Subject(invoice_id=obj.pk, payments=list(payments), next_attempt_at=obj.next_attempt_at)


@admin.register(InvoiceLine)
class InvoiceLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "invoice", "position", "description", "quantity", "unit_amount", "tax_amount", "amount"]
    list_select_related = ["invoice"]
    currency_path = "invoice__currency"
    id_search_fields = ["invoice"]


def attention() -> list[Tile]:
    """Invoices that will not be paid unless somebody does something."""
    why = gettext("declined for good; can be paid again")
    failed = tile_of_status(Invoice, InvoiceStatus.FAILED, gettext("Failed invoices"), detail=why)
    return [failed, _overdue_retries()]


def _overdue_retries() -> Tile:
    """Payments that should have been made by themselves, and were not: the sweep does not run, or cannot."""
    late = clock.now() - datetime.timedelta(seconds=LATE_SECONDS)
    rows = Invoice.objects.filter(next_attempt_at__lt=late).order_by("next_attempt_at", "pk")
    return Tile(
        gettext("Overdue retries"),
        bounded_count(rows),
        looks.list_of(Invoice, next_attempt_at__lt=late.isoformat()),
        looks.oldest_since(rows.values_list("next_attempt_at", flat=True).first()),
        "bad",
    )


def timeline_next_attempt(subject: Subject, window: Window) -> list[Item]:
    """What is to come: the payment that will be made by itself. No statement."""
    at = subject.next_attempt_at
    if at is None or (window.until is not None and at > window.until):
        return []
    return [Item(at=at, kind=gettext("To come"), icon="schedule", title=gettext("Next attempt"), order=(9,))]
