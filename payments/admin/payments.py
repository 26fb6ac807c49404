"""Payments, to look at; what staff does about one stands in modules of its own."""

import functools

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, RecentValuesFilter, bounded_count, looks
from config.admin.dashboard import Tile, tile_of_status
from config.admin.timeline import Item, Subject, TimelineAdmin, Window
from config.kernel import money
from payments.admin.refunding import REFUND
from payments.admin.resolving import RESOLVE
from payments.admin.settling import CONFIRM, FAIL
from payments.admin.under_way import ASK_ABOUT_PAYMENT, CANCEL
from payments.models import Payment
from payments.states import PaymentStatus


@admin.register(Payment)
class PaymentAdmin(TimelineAdmin):
    list_display = ["id", "invoice", "status", "attempt", "amount", "provider", "failure_code", "created_at"]
    list_filter = [
        "status",
        ("available_at", admin.EmptyFieldListFilter),
        ("provider", RecentValuesFilter),
        ("failure_code", RecentValuesFilter),
        ("currency", RecentValuesFilter),
        ("created_at", MadeDateFilter),
    ]
    search_fields = ["provider_reference__exact", "correlation_id__exact"]
    search_help_text = _("Any id, provider reference or correlation id")
    id_search_fields = ["invoice", "receipts", "refunds", "disputes"]
    fieldsets = [
        (None, {"fields": [("status", "amount", "amount_refunded"), ("id", "invoice", "attempt")]}),
        (
            _("At the provider"),
            {
                "fields": [
                    ("provider", "provider_account", "payment_method"),
                    ("provider_reference", "attached_method", "correlation_id"),
                ]
            },
        ),
        (_("How it failed"), {"fields": [("failure_code", "failure_retryable", "failure_message")]}),
        (
            _("When"),
            {
                "fields": [
                    ("created_at", "submitted_at", "ended_at"),
                    ("cancel_requested_at", "available_at", "reconciliations"),
                ]
            },
        ),
        (
            _("Made by"),
            {
                "fields": [("idempotency_owner", "idempotency_operation"), "idempotency_key_digest"],
                "classes": ["collapse"],
            },
        ),
    ]
    reasoned_actions = [REFUND, RESOLVE, CANCEL, ASK_ABOUT_PAYMENT, CONFIRM, FAIL]

    def subject(self, obj: Payment, window: Window) -> Subject:
        return Subject(invoice_id=obj.invoice_id, payments=[obj], payment_id=obj.pk)


def attention_payments() -> list[Tile]:
    """Payments that a person must judge, bank transfers that are waited for, and those whose answer was lost."""
    waiting = Payment.objects.filter(status=PaymentStatus.PROCESSING, available_at__isnull=True)
    oldest = waiting.order_by("pk").values_list("created_at", flat=True).first()
    url = looks.list_of(Payment, status__exact=PaymentStatus.PROCESSING, available_at__isempty="1")
    return [
        _payments(PaymentStatus.REVIEW, gettext("Payments in review"), tone="bad"),
        Tile(gettext("Transfers to confirm"), bounded_count(waiting.order_by("-pk")), url, looks.oldest_since(oldest)),
        _payments(PaymentStatus.UNKNOWN, gettext("Payments unknown")),
    ]


_payments = functools.partial(tile_of_status, Payment, made="created_at")


def timeline_payments(subject: Subject, window: Window) -> list[Item]:
    """The attempts. No statement: the subject has them."""
    shown = [row for row in subject.payments if window.until is None or row.created_at <= window.until]
    return [_item(payment) for payment in shown]


def _item(payment: Payment) -> Item:
    return Item.of(
        payment,
        at=payment.created_at,
        kind=gettext("Payment"),
        icon="credit_card",
        title=gettext("Attempt %(attempt)s over %(amount)s")
        % {"attempt": payment.attempt, "amount": money.display(payment.amount, payment.currency)},
        facts=[
            (gettext("id"), payment.pk),
            (gettext("provider"), payment.provider),
            (gettext("reference"), payment.provider_reference),
            (gettext("failed"), payment.failure_code),
            (gettext("because"), payment.failure_message),
            (gettext("times asked"), payment.reconciliations or ""),
        ],
        order=(0, payment.pk),
    )
