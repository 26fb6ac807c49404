"""Refunds: money on its way back. Staff settles what no provider can tell."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import (
    MadeDateFilter,
    ReasonedAction,
    RecentValuesFilter,
    Said,
    bounded_count,
    looks,
    unless_refused,
)
from config.admin.dashboard import Tile, tile_of_status
from config.admin.timeline import Item, Subject, TimelineAdmin, Window
from config.api.principals import Principal
from config.kernel import money
from payments import services
from payments.admin.settling import ConfirmForm
from payments.admin.under_way import ASK_ABOUT_REFUND
from payments.models import Refund
from payments.states import REFUND_IN_FLIGHT, RefundStatus

NOT_SENT = "not_sent"
"""The failure code of money that did not leave; the reason says more."""


class ConfirmRefundForm(ConfirmForm):
    """By what the money is known at the bank, or at the provider."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reference"].help_text = _("The bank's or the provider's; each is booked once.")


def _confirm(refund: Refund, actor: Principal, reason: str, *, reference: str) -> Said:
    services.confirm_refund(actor=actor, refund_id=refund.pk, reference=reference, reason=reason)
    return Said(_("The money has gone back, and the books say so."))


def _fail(refund: Refund, actor: Principal, reason: str) -> Said:
    services.fail_refund(actor=actor, refund_id=refund.pk, failure_code=NOT_SENT, reason=reason)
    return Said(_("The refund has failed; its money is where it was."))


CONFIRM = ReasonedAction(
    name="confirm",
    label=_("Confirm"),
    note=_("The money has gone back: it leaves the books. There is no way back."),
    perform=_confirm,
    refusal=unless_refused(lambda refund: services.check_refund_settled_by_hand(refund, action="confirm")),
    form=ConfirmRefundForm,
)
FAIL = ReasonedAction(
    name="fail",
    label=_("Fail"),
    note=_("The money has not gone back, and will not: another refund can be made. There is no way back."),
    perform=_fail,
    refusal=unless_refused(lambda refund: services.check_refund_settled_by_hand(refund, action="fail")),
    is_grave=True,
)


@admin.register(Refund)
class RefundAdmin(TimelineAdmin):
    list_display = ["id", "invoice", "status", "amount", "provider", "failure_code", "created_at"]
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
    id_search_fields = ["payment", "invoice", "receipt"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "amount", "amount_unapplied"),
                    ("id", "payment", "invoice"),
                    ("reason", "receipt"),
                ]
            },
        ),
        (
            _("At the provider"),
            {
                "fields": [
                    ("provider", "provider_account", "charge_reference"),
                    ("provider_reference", "correlation_id"),
                ]
            },
        ),
        (_("How it failed"), {"fields": [("failure_code", "failure_message")]}),
        (_("When"), {"fields": [("created_at", "submitted_at", "ended_at"), ("available_at", "reconciliations")]}),
        (
            _("Made by"),
            {
                "fields": [("idempotency_owner", "idempotency_operation"), "idempotency_key_digest"],
                "classes": ["collapse"],
            },
        ),
    ]
    reasoned_actions = [CONFIRM, FAIL, ASK_ABOUT_REFUND]

    def subject(self, obj: Refund, window: Window) -> Subject:
        return Subject(invoice_id=obj.invoice_id, payments=[obj.payment], payment_id=obj.payment_id)


def attention_refunds() -> list[Tile]:
    """Refunds that only a person can end, by bank transfer or given up on, and those whose answer was lost."""
    given_up = Refund.objects.filter(status__in=REFUND_IN_FLIGHT, available_at__isnull=True).order_by("-pk")
    url = looks.list_of(Refund, status__in=",".join(REFUND_IN_FLIGHT), available_at__isempty="1")
    todo = gettext("confirm or fail them")
    return [
        Tile(gettext("Refunds that wait for staff"), bounded_count(given_up), url, todo, "bad"),
        tile_of_status(Refund, RefundStatus.UNKNOWN, gettext("Refunds unknown"), made="created_at"),
    ]


def timeline_refunds(subject: Subject, window: Window) -> list[Item]:
    """The money that went back or is to. One statement."""
    rows = Refund.objects.filter(invoice_id=subject.invoice_id)
    if subject.payment_id is not None:
        rows = rows.filter(payment_id=subject.payment_id)
    return [_item(refund) for refund in window.newest(rows, "created_at")]


def _unapplied(refund: Refund) -> str:
    return money.display(refund.amount_unapplied, refund.currency) if refund.amount_unapplied else ""


def _item(refund: Refund) -> Item:
    return Item.of(
        refund,
        at=refund.created_at,
        kind=gettext("Refund"),
        icon="undo",
        title=money.display(refund.amount, refund.currency),
        facts=[
            (gettext("id"), refund.pk),
            (gettext("for"), refund.payment_id),
            (gettext("because"), refund.reason),
            (gettext("had paid nothing"), _unapplied(refund)),
            (gettext("reference"), refund.provider_reference),
            (gettext("failed"), refund.failure_code),
            (gettext("why"), refund.failure_message),
            (gettext("times asked"), refund.reconciliations or ""),
        ],
        order=(2, refund.pk),
    )
