"""Deliveries: what was sent where, every try of it, and sending it again."""

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import (
    MadeDateFilter,
    NewestRelatedFilter,
    ReadOnlyInline,
    ReasonedActionsAdmin,
    RecentValuesFilter,
    looks,
)
from config.admin.dashboard import Tile, tile_of_status
from webhooks.outbound.admin import resending
from webhooks.outbound.models import Attempt, Delivery, DeliveryQuerySet
from webhooks.outbound.services import messages
from webhooks.outbound.states import DeliveryStatus

SHOWN_CHARACTERS = 60


def shortened(url: str) -> str:
    """For a list; the endpoint's page has all of it."""
    return Truncator(url).chars(SHOWN_CHARACTERS)


def answered(delivery: Delivery) -> str:
    """What the latest try was answered with, or why it was not."""
    return delivery.error or str(delivery.status_code or "-")


class AttemptInline(ReadOnlyInline):
    """Every try, newest first."""

    model = Attempt
    fields = ["started_at", "status_code", "error", "duration", "said", "address"]
    ordering = ["-id"]
    per_page = 20

    @admin.display(description=_("took"))
    def duration(self, attempt: Attempt) -> str:
        return f"{attempt.duration_ms:,} ms"

    @admin.display(description=_("answer"))
    def said(self, attempt: Attempt) -> SafeString | str:
        if not attempt.answer:
            return "-"
        return format_html('<div class="q-answer">{}</div>', looks.code(attempt.answer))

    @admin.display(description=_("URL"))
    def address(self, attempt: Attempt) -> str:
        return shortened(attempt.url)


@admin.register(Delivery)
class DeliveryAdmin(ReasonedActionsAdmin):
    list_display = ["type", "receiver", "status", "attempts", "available_at", "answered", "created_at"]
    list_filter = [
        "status",
        ("type", RecentValuesFilter),
        ("endpoint", NewestRelatedFilter),
        ("created_at", MadeDateFilter),
    ]
    list_select_related = ["endpoint"]
    search_fields = []
    search_help_text = _("Its id, its event's or its endpoint's")
    id_search_fields = ["event", "endpoint"]
    readonly_fields = ["answered", "message_id", "body"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "type", "attempts"),
                    ("endpoint", "event"),
                    ("available_at", "answered"),
                    ("created_at", "ended_at"),
                    ("actor", "reason"),
                    ("id", "message_id"),
                    "body",
                ]
            },
        ),
    ]
    inlines = [AttemptInline]
    reasoned_actions = [resending.RESEND]
    actions = ["resend_selected"]
    list_before_template = "admin/deliveries_above.html"
    list_disable_select_all = True  # "Select all 1000" would not be all: the link above the list is.

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.resend_many_view)
        return [path("resend-many/", view, name="outbound_delivery_resend_many"), *super().get_urls()]

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return resending.RESEND_MANY.is_allowed_to(request, self.opts)

    @admin.action(description=_("Send again"), permissions=["resend"])
    def resend_selected(self, request: HttpRequest, queryset: DeliveryQuerySet) -> HttpResponse:
        """Those that are ticked on one page."""
        ids = request.POST.getlist(ACTION_CHECKBOX_NAME)
        address = reverse("admin:outbound_delivery_resend_many")
        return HttpResponseRedirect(f"{address}?{urlencode({'pk__in': ','.join(ids)})}")

    def resend_many_view(self, request: HttpRequest) -> HttpResponse:
        """All that the list would show for the same query."""
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect("../?e=1")
        back = f"../?{request.GET.urlencode()}"
        return self.offer(request, resending.RESEND_MANY, resending.Matching(rows), back=back)

    @admin.display(description=_("to"))
    def receiver(self, delivery: Delivery) -> SafeString:
        endpoint = delivery.endpoint
        link = '<a class="q-link q-address" href="{}">{}</a>'
        return format_html(link, looks.url_of(endpoint), shortened(endpoint.url))

    @admin.display(description=_("latest answer"))
    def answered(self, delivery: Delivery) -> str:
        return answered(delivery)

    @admin.display(description=_("webhook-id"))
    def message_id(self, delivery: Delivery) -> str:
        return delivery.message_id

    @admin.display(description=_("body, as it is sent"))
    def body(self, delivery: Delivery) -> SafeString:
        return looks.code(messages.body_of(delivery).decode())


def attention_deliveries() -> list[Tile]:
    """Those that nobody tries any more."""
    return [tile_of_status(Delivery, DeliveryStatus.DEAD, gettext("Dead deliveries"), made="created_at")]
