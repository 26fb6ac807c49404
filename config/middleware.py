"""What every request passes: correlation id, bounds, one spelling per path, no card numbers, problems as JSON."""

from collections.abc import Callable
from urllib.parse import unquote_plus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils.log import log_response

from config.api import card_numbers, idempotency_header, problems
from config.kernel import correlation
from config.kernel.errors import FieldError

UNTOUCHED = ("/admin/", "/static/")
"""Django's own pages: they keep their trailing slashes and answer people in HTML."""

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class CorrelationMiddleware:
    """Binds the caller's X-Request-ID, or a fresh one, for the request, and echoes it on every response."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.META.get("HTTP_X_REQUEST_ID")
        if sent and card_numbers.holds(sent):
            sent = None
        with correlation.bind(correlation.accept_or_new(sent)) as correlation_id:
            request.META["HTTP_X_REQUEST_ID"] = correlation_id
            response = self.get_response(request)
            response.headers[correlation.HEADER] = correlation_id
            if response.status_code >= 400 and isinstance(response, HttpResponse):
                # Django would log it once the id is no longer bound; a response is logged once.
                log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
            return response


class TrailingSlashMiddleware:
    """Serves /api/v1/invoices/ as /api/v1/invoices: rewritten, not redirected, so that a POST keeps its body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.endswith("/") and path != "/" and not path.startswith(UNTOUCHED):
            request.path_info = path.rstrip("/") or "/"
            request.path = request.path.rstrip("/") or "/"
        return self.get_response(request)


class WholeBodyMiddleware:
    """A request is served with its whole body or not at all: half of one may read as a request to move money.

    411 for a body without a Content-Length (a chunked one that breaks off looks like one that ended), 413 over
    settings.MAX_BODY_BYTES, 400 for a length that is no number and for a body that ends before it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            return problems.problem(
                411, "length_required", "Send the body with a Content-Length, not chunked.", request=request
            )
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdecimal()):
            return problems.problem(
                400, "bad_content_length", "Send a Content-Length that is a number of bytes.", request=request
            )
        if len(length.lstrip("0")) > 19 or int(length) > settings.MAX_BODY_BYTES:
            return problems.payload_too_large(request)
        if not _arrives(request, int(length)):
            return problems.problem(
                400, "truncated_body", "The body ended before its Content-Length; nothing was done.", request=request
            )
        return self.get_response(request)


def _arrives(request: HttpRequest, length: int) -> bool:
    try:
        return length == 0 or len(request.body) == length
    except UnreadablePostError:
        return False


class MalformedUrlMiddleware:
    """400 for NUL characters in the path or the query, which databases refuse."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path_info or "\x00" in query or "%00" in query:
            return problems.problem(400, "malformed_url", "The URL holds a NUL character.", request=request)
        return self.get_response(request)


class CardNumberMiddleware:
    """422 for a card number in the path, the query string or the Idempotency-Key, before anything can log it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        places = {
            "path": request.path_info,
            "query": unquote_plus(request.META.get("QUERY_STRING", "")),
            idempotency_header.HEADER: request.META.get("HTTP_IDEMPOTENCY_KEY", ""),
        }
        found = [place for place, text in places.items() if card_numbers.holds(text)]
        if not found:
            return self.get_response(request)
        _mask(request)
        errors = [FieldError(place, card_numbers.CODE, card_numbers.DETAIL) for place in found]
        return problems.problem(422, card_numbers.CODE, card_numbers.DETAIL, request=request, errors=errors)


def _mask(request: HttpRequest) -> None:
    """What is logged about a request comes from these."""
    request.path = card_numbers.mask_text(request.path)
    request.path_info = card_numbers.mask_text(request.path_info)
    for name, value in request.META.items():
        if isinstance(value, str) and card_numbers.holds(unquote_plus(value)):
            request.META[name] = card_numbers.mask_text(unquote_plus(value))


class ProblemMiddleware:
    """Makes the errors of plain Django views problems too: those they raise, and a bare 405."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == 405 and not request.path_info.startswith(UNTOUCHED):
            allowed = [method.strip() for method in response.headers.get("Allow", "").split(",")]
            return problems.method_not_allowed(
                request, *(method for method in allowed if method not in ("", "OPTIONS"))
            )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return problems.from_exception(exception, request)
