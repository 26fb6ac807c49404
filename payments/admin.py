"""Payments and receipts, to look at; staff says here how manual payments ended."""

import functools
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from config.admin import (
    MadeDateFilter,
    ReadOnlyAdmin,
    ReasonedAction,
    ReasonForm,
    RecentValuesFilter,
    Said,
    unless_refused,
)
from config.admin.dashboard import Tile, tile_of_status
from config.admin.timeline import Item, Subject, TimelineAdmin, Window
from config.api.principals import Principal
from config.kernel import money
from payments import services
from payments.models import Payment, Receipt
from payments.states import PaymentStatus, ReceiptStatus

NOT_RECEIVED = "not_received"
"""The failure code of money that did not come; the reason says more."""


class ConfirmForm(ReasonForm):
    """By what the money is known at the bank."""

    reference = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The bank's, as on the statement; each is booked once. Without one the payment's own id stands."),
    )

    field_order = ["reference", "reason"]

    def clean_reference(self) -> str:
        return self.without_card_number("reference")


class FailForm(ReasonForm):
    """Whether the invoice is still expected to be paid."""

    retryable = forms.BooleanField(
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        label=_("Another payment may follow"),
        help_text=_("The invoice is open again. Otherwise it has failed, until somebody has it paid again."),
    )

    field_order = ["retryable", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = _("Also the payment's failure message, which the API shows to back ends.")


def _confirm(payment: Payment, actor: Principal, reason: str, *, reference: str) -> Said:
    services.confirm_payment(actor=actor, payment_id=payment.pk, reference=reference, reason=reason)
    return Said(_("The money is booked."))


def _fail(payment: Payment, actor: Principal, reason: str, *, retryable: bool) -> Said:
    services.fail_payment(
        actor=actor, payment_id=payment.pk, failure_code=NOT_RECEIVED, retryable=retryable, reason=reason
    )
    return Said(_("The payment has failed."))


CONFIRM = ReasonedAction(
    name="confirm",
    label=_("Confirm"),
    note=_("The whole amount has arrived: it is booked, and pays the invoice. There is no way back."),
    perform=_confirm,
    refusal=unless_refused(functools.partial(services.check_settled_by_hand, action="confirm")),
    form=ConfirmForm,
)
FAIL = ReasonedAction(
    name="fail",
    label=_("Fail"),
    note=_("The money will not come. There is no way back; the invoice can be paid again."),
    perform=_fail,
    refusal=unless_refused(functools.partial(services.check_settled_by_hand, action="fail")),
    form=FailForm,
    is_grave=True,
)


@admin.register(Payment)
class PaymentAdmin(TimelineAdmin):
    list_display = ["id", "invoice", "status", "attempt", "amount", "provider", "failure_code", "created_at"]
    list_filter = [
        "status",
        ("provider", RecentValuesFilter),
        ("failure_code", RecentValuesFilter),
        ("currency", RecentValuesFilter),
        ("created_at", MadeDateFilter),
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

    reasoned_actions = [CONFIRM, FAIL]

    def subject(self, obj: Payment, window: Window) -> Subject:
        return Subject(invoice_id=obj.invoice_id, payments=[obj], payment_id=obj.pk)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ["id", "payment", "invoice", "status", "amount", "provider", "received_at"]
    list_filter = [
        "status",
        ("provider", RecentValuesFilter),
        ("currency", RecentValuesFilter),
        ("received_at", MadeDateFilter),
    ]
    search_fields = ["provider_reference__exact"]
    search_help_text = _("Any id or provider reference")
    id_search_fields = ["payment", "invoice"]


def attention_payments() -> list[Tile]:
    """Payments that a person must judge, and those whose answer was lost."""
    return [
        _payments(PaymentStatus.REVIEW, gettext("Payments in review"), tone="bad"),
        _payments(PaymentStatus.UNKNOWN, gettext("Payments unknown")),
    ]


_payments = functools.partial(tile_of_status, Payment, made="created_at")


def attention_receipts() -> list[Tile]:
    """Money that has come and pays nothing."""
    why = gettext("money that pays nothing")
    return [tile_of_status(Receipt, ReceiptStatus.UNAPPLIED, gettext("Unapplied receipts"), detail=why)]


def timeline_payments(subject: Subject, window: Window) -> list[Item]:
    """The attempts. No statement: the subject has them."""
    shown = [row for row in subject.payments if window.until is None or row.created_at <= window.until]
    return [_payment_item(payment) for payment in shown]


def _payment_item(payment: Payment) -> Item:
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


def timeline_receipts(subject: Subject, window: Window) -> list[Item]:
    """The money that arrived. One statement."""
    rows = Receipt.objects.filter(invoice_id=subject.invoice_id)
    if subject.payment_id is not None:
        rows = rows.filter(payment_id=subject.payment_id)
    return [_receipt_item(receipt) for receipt in window.newest(rows, "received_at")]


def _receipt_item(receipt: Receipt) -> Item:
    return Item.of(
        receipt,
        at=receipt.received_at,
        kind=gettext("Receipt"),
        icon="savings",
        title=money.display(receipt.amount, receipt.currency),
        facts=[
            (gettext("from"), receipt.provider),
            (gettext("reference"), receipt.provider_reference),
            (gettext("for"), receipt.payment_id),
        ],
        order=(2, receipt.pk),
    )
