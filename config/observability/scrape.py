"""/metrics: what all processes of this host have counted, and what the database says at this moment."""

import functools
import hmac
import logging
from collections.abc import Callable, Iterator
from typing import Any

from django import db
from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from config.api import problems
from config.observability import files
from outbox import services as outbox
from payments.models import Payment
from payments.states import LIVE
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.states import ProviderEventStatus

UNEVENTFUL = (ProviderEventStatus.PROCESSED, ProviderEventStatus.IGNORED)

logger = logging.getLogger(__name__)


def for_operators(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """With METRICS_TOKEN only for its bearer, without one only where METRICS_ARE_PUBLIC; to others nothing is here."""

    @functools.wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not _may_read(request):
            return problems.problem(404, "not_found", "Nothing is here.", request=request)
        return view(request)

    return guarded


@csrf_exempt
@require_safe
@never_cache
@for_operators
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Everything())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    if not settings.METRICS_TOKEN:
        return bool(settings.METRICS_ARE_PUBLIC)
    sent = request.META.get("HTTP_AUTHORIZATION", "").encode("utf-8", "replace")
    return hmac.compare_digest(sent, f"Bearer {settings.METRICS_TOKEN}".encode())


class _Everything(Collector):
    def collect(self) -> Iterator[Any]:
        yield from files.collect()
        yield from _standing()


def _standing() -> list[GaugeMetricFamily]:
    """The gauges; only `quittance_database_up` 0 when the database does not answer."""
    try:
        found = [*_outbox(), _payments(), _provider_events()]
    except (db.OperationalError, db.InterfaceError) as error:
        logger.warning("metrics without the database's: %s", error)
        found = []
    up = GaugeMetricFamily("quittance_database_up", "Whether the database answered this scrape.", float(bool(found)))
    return [up, *found]


def _outbox() -> Iterator[GaugeMetricFamily]:
    standing = outbox.status()
    gauges = {
        "quittance_outbox_lag": (
            "Events behind the subscriber's cursors; for the sequencer, events without a position.",
            "lag",
        ),
        "quittance_outbox_oldest_age_seconds": ("Age of the oldest undelivered event.", "oldest_age_seconds"),
        "quittance_outbox_held": ("Events held, or queued behind one.", "held"),
        "quittance_outbox_given_up": ("Held events that wait for staff.", "given_up"),
        "quittance_outbox_backing_off": ("Shards left alone after a transport failure.", "backing_off"),
    }
    for name, (help, attribute) in gauges.items():
        gauge = GaugeMetricFamily(name, help, labels=["subscriber"])
        for each in standing:
            gauge.add_metric([each.subscriber], getattr(each, attribute) or 0)
        yield gauge


def _payments() -> GaugeMetricFamily:
    """By the index over (status, id), live ones only: their number does not grow with the table."""
    gauge = GaugeMetricFamily("quittance_payments_live", "Payments that may still bring money.", labels=["status"])
    return _counted(gauge, Payment.objects.all(), [status.value for status in LIVE])


def _provider_events() -> GaugeMetricFamily:
    gauge = GaugeMetricFamily("quittance_provider_events_waiting", "Provider events not applied.", labels=["status"])
    waiting = [status.value for status in ProviderEventStatus if status not in UNEVENTFUL]
    return _counted(gauge, ProviderEvent.objects.all(), waiting)


def _counted(gauge: GaugeMetricFamily, rows: "db.models.QuerySet[Any]", statuses: list[str]) -> GaugeMetricFamily:
    found = rows.filter(status__in=statuses).values("status").annotate(rows=Count("pk")).order_by("status")
    counts = {row["status"]: row["rows"] for row in found}
    for status in statuses:
        gauge.add_metric([status], counts.get(status, 0))
    return gauge
