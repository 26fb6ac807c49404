"""Every address this deployment answers."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import health
from config.admin import dashboard
from config.observability import scrape

handler400 = handler403 = handler404 = "config.api.problems.refused"
handler500 = "config.api.problems.failed"


@csrf_exempt
@require_safe
def root(request: HttpRequest) -> JsonResponse:
    """What this is and where to go on."""
    links = {"documentation": "/docs", "schema": "/schema", "api": "/api/v1", "health": "/health", "admin": "/admin/"}
    return JsonResponse({"name": "Quittance", "description": "Takes invoices to paid.", **links})


urlpatterns = [
    path("", root, name="root"),
    path("health", health.live, name="health"),
    path("health/detailed", health.detailed, name="health-detailed"),
    path("metrics", scrape.metrics, name="metrics"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/find/", admin.site.admin_view(dashboard.find), name="admin-find"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("billing.api.urls")),
    path("api/v1/", include("invoices.api.urls")),
    path("api/v1/", include("payments.api.urls")),
    path("api/v1/", include("billing.api.urls")),
    path("api/v1/", include("outbox.api.urls")),
    path("api/v1/", include("webhooks.outbound.api.urls")),
    path("webhooks/", include("webhooks.inbound.api.urls")),
]
