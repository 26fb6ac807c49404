"""Endpoints: who hears of what, how that goes, and what staff did about it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, ReadOnlyInline, ReasonedActionsAdmin, bounded_count, looks
from config.admin.dashboard import Tile, tile_of_status
from config.admin.paginator import as_bounded, count_for_each
from config.admin.timeline import paged, window_of
from outbox.admin import log_of
from webhooks.outbound.admin import changing, operating
from webhooks.outbound.admin.deliveries import answered, shortened
from webhooks.outbound.models import Delivery, Endpoint, EndpointSecret
from webhooks.outbound.states import COLLECTING, DeliveryStatus, EndpointStatus

LATEST_DELIVERIES = 20


class SecretInline(ReadOnlyInline):
    """That they are there; what they are, nobody sees again."""

    model = EndpointSecret
    fields = ["created_at", "expires_at"]
    ordering = ["-id"]
    per_page = 10


@admin.register(Endpoint)
class EndpointAdmin(ReasonedActionsAdmin):
    list_display = ["address", "hears", "status", "failing_since", "waiting", "dead", "created_at"]
    list_filter = ["status", ("failing_since", admin.EmptyFieldListFilter), ("created_at", MadeDateFilter)]
    search_fields = ["url", "description"]
    search_help_text = _("Its id, a part of its URL or description")
    readonly_fields = ["whole_url", "hears", "waiting", "dead"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "failing_since"),
                    "disabled_because",
                    ("whole_url", "hears"),
                    "description",
                    ("waiting", "dead"),
                    ("id", "created_at"),
                ]
            },
        ),
    ]
    inlines = [SecretInline]
    reasoned_actions = [
        operating.PING,
        operating.PAUSE,
        operating.RESUME,
        operating.ENABLE,
        changing.UPDATE,
        operating.ROTATE,
        operating.DISABLE,
        operating.DELETE,
    ]
    change_form_outer_after_template = "admin/endpoint.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        rows: QuerySet[Endpoint] = super().get_queryset(request)
        for status in (DeliveryStatus.PENDING, DeliveryStatus.DEAD):
            counted = count_for_each(Delivery.objects.filter(status=status), "endpoint")
            rows = rows.annotate(**{f"{status}_count": counted})
        return rows

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return changing.CREATE.is_allowed_to(request, self.opts)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.offer(request, changing.CREATE, None, back="../")

    @admin.display(description=_("URL"))
    def address(self, endpoint: Endpoint) -> str:
        return shortened(endpoint.url)

    @admin.display(description=_("URL"))
    def whole_url(self, endpoint: Endpoint) -> SafeString:
        return format_html('<span class="q-whole">{}</span>', endpoint.url)

    @admin.display(description=_("hears of"))
    def hears(self, endpoint: Endpoint) -> str:
        return ", ".join(endpoint.events)

    @admin.display(description=_("waiting"))
    def waiting(self, endpoint: Endpoint) -> SafeString | str:
        return _number(endpoint, DeliveryStatus.PENDING)

    @admin.display(description=_("dead"))
    def dead(self, endpoint: Endpoint) -> SafeString | str:
        return _number(endpoint, DeliveryStatus.DEAD)

    def page_context(self, request: HttpRequest, obj: Endpoint) -> dict[str, Any]:
        window = window_of(request)
        may_see = request.user.has_perm
        log = paged(log_of(obj.pk, window), window) if may_see("outbox.view_outboxevent") else None
        latest = _latest_deliveries(obj) if may_see("outbound.view_delivery") else None
        more = {"timeline": log, "deliveries": latest, "all_deliveries": _list_of_deliveries(obj)}
        return super().page_context(request, obj) | more


def _number(endpoint: Endpoint, status: DeliveryStatus) -> SafeString | str:
    """Leads to the deliveries that it counts."""
    found: int = getattr(endpoint, f"{status}_count")
    if not found:
        return "0"
    url = _list_of_deliveries(endpoint, status__exact=status)
    return format_html('<a class="q-link" href="{}">{}</a>', url, as_bounded(found))


def _latest_deliveries(endpoint: Endpoint) -> list[dict[str, Any]]:
    """What a table says of each, newest first."""
    return [
        {
            "link": format_html('<a class="q-link" href="{}">{}</a>', looks.url_of(row), row.type),
            "status": looks.label(row.status, row.get_status_display()),
            "attempts": row.attempts,
            "answered": answered(row),
            "created": looks.moment(row.created_at),
        }
        for row in endpoint.deliveries.order_by("-id")[:LATEST_DELIVERIES]
    ]


def _list_of_deliveries(endpoint: Endpoint, **query: str) -> str:
    return looks.list_of(Delivery, endpoint__id__exact=endpoint.pk, **query)


def attention_endpoints() -> list[Tile]:
    """Those that do not take what they are sent, and those that are sent nothing any more."""
    failing = Endpoint.objects.collecting().filter(failing_since__isnull=False)
    longest = failing.order_by("failing_since").values_list("failing_since", flat=True).first()
    url = looks.list_of(Endpoint, failing_since__isempty="0", status__in=",".join(COLLECTING))
    return [
        Tile(
            gettext("Failing webhook endpoints"),
            bounded_count(failing.order_by("-pk")),
            url,
            looks.oldest_since(longest),
        ),
        tile_of_status(Endpoint, EndpointStatus.DISABLED, gettext("Disabled webhook endpoints")),
    ]
