"""Receipts: money that arrived, and what has become of it."""

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, RecentValuesFilter, looks
from config.admin.dashboard import Tile
from config.admin.paginator import bounded_count
from config.admin.timeline import Item, Subject, TimelineAdmin, Window
from config.kernel import money
from payments.admin.resolving import DISPOSE
from payments.models import Receipt


@admin.register(Receipt)
class ReceiptAdmin(TimelineAdmin):
    list_display = ["id", "payment", "invoice", "status", "amount", "amount_unapplied", "provider", "received_at"]
    list_filter = [
        "status",
        ("provider", RecentValuesFilter),
        ("currency", RecentValuesFilter),
        ("received_at", MadeDateFilter),
    ]
    search_fields = ["provider_reference__exact"]
    search_help_text = _("Any id or provider reference")
    id_search_fields = ["payment", "invoice", "refunds", "disputes"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "amount", "received_at"),
                    ("amount_applied", "amount_unapplied"),
                    ("amount_refunding", "amount_refunded"),
                    ("id", "payment", "invoice"),
                    "returned_refund",
                ]
            },
        ),
        (_("At the provider"), {"fields": [("provider", "provider_account", "provider_reference")]}),
    ]

    reasoned_actions = [DISPOSE]

    def subject(self, obj: Receipt, window: Window) -> Subject:
        return Subject(invoice_id=obj.invoice_id, payments=[obj.payment], payment_id=obj.payment_id)


def attention_receipts() -> list[Tile]:
    """Money that has come and pays nothing, also what is left of a receipt that has paid."""
    rows = Receipt.objects.filter(amount_unapplied__gt=0)
    url = looks.list_of(Receipt, amount_unapplied__gt="0")
    why = gettext("money that pays nothing")
    return [Tile(gettext("Unapplied money"), bounded_count(rows.order_by("amount_unapplied")), url, why)]


def timeline_receipts(subject: Subject, window: Window) -> list[Item]:
    """The money that arrived. One statement."""
    rows = Receipt.objects.filter(invoice_id=subject.invoice_id)
    if subject.payment_id is not None:
        rows = rows.filter(payment_id=subject.payment_id)
    return [_item(receipt) for receipt in window.newest(rows, "received_at")]


def _item(receipt: Receipt) -> Item:
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
            (gettext("of the refund"), receipt.returned_refund_id),
            (gettext("applied"), _part(receipt, receipt.amount_applied)),
            (gettext("pays nothing"), _part(receipt, receipt.amount_unapplied)),
            (gettext("going back"), _part(receipt, receipt.amount_refunding)),
            (gettext("gone back"), _part(receipt, receipt.amount_refunded)),
        ],
        order=(2, receipt.pk),
    )


def _part(receipt: Receipt, amount: int) -> str:
    return money.display(amount, receipt.currency) if amount else ""
