"""One line and one measurement per request."""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.api.principals import Principal, staff
from config.observability import counters

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
QUIET = {"health", "health/detailed", "metrics"}
"""Asked every few seconds by machines: logged at DEBUG while all is well."""

logger = logging.getLogger(__name__)


class AccessMiddleware:
    """Stands inside the correlation id and outside everything else, so that no answer goes unseen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self.get_response(request)
        _tell(request, response, time.perf_counter() - started)
        return response


def _tell(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    method, status = request.method or "", response.status_code
    view = request.resolver_match.route if request.resolver_match else "nowhere"
    method_label = method if method in METHODS else "other"
    counters.REQUEST_SECONDS.observe(seconds, view, method_label, f"{status // 100}xx")
    level = logging.ERROR if status >= 500 else logging.DEBUG if view in QUIET else logging.INFO
    if logger.isEnabledFor(level):
        extra = {
            "method": method,
            "path": request.path,
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "principal": _principal(request),
        }
        logger.log(level, "request", extra=extra)


def _principal(request: HttpRequest) -> str:
    """Who asked, as far as the request found out: looking it up now could fail, and costs a query."""
    user = request.__dict__.get("user")
    if type(user) is Principal:  # isinstance would ask a lazy user for its class, and so the database
        return user.actor
    signed_in = getattr(request, "_cached_user", None)
    return staff(signed_in).actor if signed_in is not None and signed_in.is_authenticated else ""
