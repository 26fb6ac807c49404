"""Payments and receipts, to look at."""

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeFilter, ReadOnlyAdmin, RecentValuesFilter, bounded_count, looks
from config.admin.dashboard import Tile
from config.admin.timeline import Item, Subject, TimelineAdmin, Window
from config.kernel import money
from payments.models import Payment, Receipt
from payments.states import PaymentStatus, ReceiptStatus


@admin.register(Payment)
class PaymentAdmin(TimelineAdmin):
    list_display = ["id", "invoice", "status", "attempt", "amount", "provider", "failure_code", "created_at"]
    list_filter = [
        "status",
        ("provider", RecentValuesFilter),
        ("failure_code", RecentValuesFilter),
        ("currency", RecentValuesFilter),
        ("created_at", MadeFilter),
    ]
    search_fields = ["provider_reference__exact", "correlation_id__exact"]
    search_help_text = _("Any id, provider reference or correlation id")
    id_search_fields = ["invoice", "receipts"]
    fieldsets = [
        (None, {"fields": [("status", "amount", "amount_refunded"), ("id", "invoice", "attempt")]}),
        (
            _("At the provider"),
            {"fields": [("provider", "provider_account", "payment_method"), ("provider_reference", "correlation_id")]},
        ),
        (_("How it failed"), {"fields": [("failure_code", "failure_retryable", "failure_message")]}),
        (
            _("When"),
            {"fields": [("created_at", "submitted_at", "ended_at"), ("available_at", "reconciliations")]},
        ),
        (
            _("Made by"),
            {
                "fields": [("idempotency_owner", "idempotency_operation"), "idempotency_key_digest"],
                "classes": ["collapse"],
            },
        ),
    ]

    def subject(self, obj: Payment) -> Subject:
        return Subject(invoice_id=obj.invoice_id, payments=[obj], payment_id=obj.pk)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ["id", "payment", "invoice", "status", "amount", "provider", "received_at"]
    list_filter = [
        "status",
        ("provider", RecentValuesFilter),
        ("currency", RecentValuesFilter),
        ("received_at", MadeFilter),
    ]
    search_fields = ["provider_reference__exact"]
    search_help_text = _("Any id or provider reference")
    id_search_fields = ["payment", "invoice"]


def attention_payments() -> list[Tile]:
    """Payments that a person must judge, and those whose answer was lost."""
    return [
        _payments(PaymentStatus.REVIEW, gettext("Payments in review"), "bad"),
        _payments(PaymentStatus.UNKNOWN, gettext("Payments unknown"), "warn"),
    ]


def _payments(status: PaymentStatus, title: str, tone: str) -> Tile:
    rows = Payment.objects.filter(status=status).order_by("-pk")
    oldest = Payment.objects.filter(status=status).order_by("pk").values_list("created_at", flat=True).first()
    return Tile(
        title, bounded_count(rows), f"/admin/payments/payment/?status__exact={status}", looks.oldest_since(oldest), tone
    )


def attention_receipts() -> list[Tile]:
    """Money that has come and pays nothing."""
    rows = Receipt.objects.filter(status=ReceiptStatus.UNAPPLIED).order_by("-pk")
    url = f"/admin/payments/receipt/?status__exact={ReceiptStatus.UNAPPLIED}"
    return [Tile(gettext("Unapplied receipts"), bounded_count(rows), url, gettext("money that pays nothing"))]


def timeline_payments(subject: Subject, window: Window) -> list[Item]:
    """The attempts. No statement: the subject has them."""
    shown = [row for row in subject.payments if window.until is None or row.created_at <= window.until]
    return [_payment_item(payment) for payment in shown[: window.limit]]


def _payment_item(payment: Payment) -> Item:
    return Item(
        at=payment.created_at,
        kind=gettext("Payment"),
        icon="credit_card",
        title=gettext("Attempt %(attempt)s over %(amount)s")
        % {"attempt": payment.attempt, "amount": money.display(payment.amount, payment.currency)},
        href=looks.url_of(payment),
        status=looks.label(payment.status, payment.get_status_display()),
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


def timeline_receipts(subject: Subject, window: Window) -> list[Item]:
    """The money that arrived. One statement."""
    rows = Receipt.objects.filter(invoice_id=subject.invoice_id, **window.before("received_at"))
    if subject.payment_id is not None:
        rows = rows.filter(payment_id=subject.payment_id)
    return [_receipt_item(receipt) for receipt in rows.order_by("-id")[: window.limit]]


def _receipt_item(receipt: Receipt) -> Item:
    return Item(
        at=receipt.received_at,
        kind=gettext("Receipt"),
        icon="savings",
        title=money.display(receipt.amount, receipt.currency),
        href=looks.url_of(receipt),
        status=looks.label(receipt.status, receipt.get_status_display()),
        facts=[
            (gettext("from"), receipt.provider),
            (gettext("reference"), receipt.provider_reference),
            (gettext("for"), receipt.payment_id),
        ],
        order=(2, receipt.pk),
    )
