"""Disputes, to look at: it is the provider that opens and closes them, and takes the evidence."""

from django.contrib import admin
from django.db.models import Min
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, RecentValuesFilter, bounded_count, looks
from config.admin.dashboard import Tile
from config.admin.timeline import Item, Subject, TimelineAdmin, Window
from config.kernel import money
from payments.models import Dispute
from payments.states import DisputeStatus


@admin.register(Dispute)
class DisputeAdmin(TimelineAdmin):
    list_display = ["id", "invoice", "status", "amount", "reason", "evidence_due_at", "opened_at"]
    list_filter = [
        "status",
        ("reason", RecentValuesFilter),
        ("provider", RecentValuesFilter),
        ("currency", RecentValuesFilter),
        ("opened_at", MadeDateFilter),
    ]
    search_fields = ["provider_reference__exact"]
    search_help_text = _("Any id or provider reference")
    id_search_fields = ["payment", "invoice", "receipt"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "amount", "evidence_due_at"),
                    ("id", "payment", "invoice"),
                    ("reason", "receipt"),
                ]
            },
        ),
        (_("At the provider"), {"fields": [("provider", "provider_account", "provider_reference")]}),
        (_("When"), {"fields": [("opened_at", "closed_at")]}),
    ]

    def subject(self, obj: Dispute, window: Window) -> Subject:
        return Subject(invoice_id=obj.invoice_id, payments=[obj.payment], payment_id=obj.payment_id)


def attention_disputes() -> list[Tile]:
    """Disputes that the provider has not judged, and until when the first of them takes evidence."""
    rows = Dispute.objects.filter(status=DisputeStatus.OPEN)
    earliest = rows.aggregate(due=Min("evidence_due_at"))["due"]
    detail = gettext("evidence due %(when)s") % {"when": looks.ago(earliest)} if earliest else ""
    url = looks.list_of(Dispute, status__exact=DisputeStatus.OPEN)
    return [Tile(gettext("Open disputes"), bounded_count(rows.order_by("-pk")), url, detail, "bad")]


def timeline_disputes(subject: Subject, window: Window) -> list[Item]:
    """What payers' banks have taken back. One statement."""
    rows = Dispute.objects.filter(invoice_id=subject.invoice_id)
    if subject.payment_id is not None:
        rows = rows.filter(payment_id=subject.payment_id)
    return [_item(dispute) for dispute in window.newest(rows, "opened_at")]


def _item(dispute: Dispute) -> Item:
    return Item.of(
        dispute,
        at=dispute.opened_at,
        kind=gettext("Dispute"),
        icon="gavel",
        title=money.display(dispute.amount, dispute.currency),
        facts=[
            (gettext("id"), dispute.pk),
            (gettext("for"), dispute.payment_id),
            (gettext("because"), dispute.reason),
            (gettext("reference"), dispute.provider_reference),
            (gettext("evidence due"), looks.moment(dispute.evidence_due_at) if dispute.evidence_due_at else ""),
            (gettext("closed"), looks.moment(dispute.closed_at) if dispute.closed_at else ""),
        ],
        order=(2, dispute.pk),
    )
