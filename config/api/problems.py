"""RFC 9457 problem details: the one shape of every error this service answers with, whoever noticed it.

`exception_handler` serves REST framework, `from_exception` plain views and middleware, and `refused` and `failed`
Django's own error pages. Nothing in a problem repeats SQL, a traceback or a card number.
"""

import http
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import db
from django.conf import settings
from django.core import exceptions as django_errors
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.encoding import iri_to_uri
from rest_framework import exceptions as drf_errors
from rest_framework.settings import api_settings

from config.kernel import correlation, errors
from config.kernel.errors import FieldError

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = errors.Unavailable.retry_after_seconds
MEMBERS = frozenset({"type", "title", "status", "code", "detail", "instance", "errors", "request_id"})
"""What every problem may hold; a domain error's attribute of the same name is not exposed."""

_STATUS_OF_FAMILY: dict[type[errors.DomainError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Invalid: 422,
    errors.Unavailable: 503,
}

logger = logging.getLogger(__name__)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    request: HttpRequest | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """A problem document. `attributes` that are JSON scalars become extra members; 503 always carries Retry-After."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if request is not None:
        document["instance"] = iri_to_uri(request.path)
    document["errors"] = [{"field": e.field, "code": e.code, "detail": e.detail} for e in errors]
    document["request_id"] = correlation.current()
    document |= {name: value for name, value in (attributes or {}).items() if _may_be_exposed(name, value)}
    response = HttpResponse(json.dumps(document), content_type=CONTENT_TYPE, status=status)
    retry_after = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    for name, value in (retry_after | dict(headers or {})).items():
        response[name] = value
    return response


def _may_be_exposed(name: str, value: object) -> bool:
    return name not in MEMBERS and (value is None or isinstance(value, str | int | float | bool))


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """REST framework's hook. None, for a bug, lets Django log the traceback and call `failed`."""
    request = context.get("request")
    return from_exception(error, getattr(request, "_request", None))


def from_exception(error: BaseException, request: HttpRequest | None = None) -> HttpResponse | None:
    """The problem that `error` means to the client, or None when it can only be a bug."""
    if isinstance(error, errors.DomainError):
        return _from_domain_error(error, request)
    if isinstance(error, drf_errors.APIException):
        return _from_api_exception(error, request)
    if isinstance(error, db.OperationalError | db.InterfaceError):
        logger.error("database unavailable, request %s", correlation.current(), exc_info=error)
        return problem(503, errors.Unavailable.code, errors.Unavailable().detail, request=request)
    return _from_django_error(error, request)


def _from_domain_error(error: errors.DomainError, request: HttpRequest | None) -> HttpResponse | None:
    status = next((status for family, status in _STATUS_OF_FAMILY.items() if isinstance(error, family)), None)
    if status is None:
        return None
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, errors.Unavailable) else {}
    return problem(
        status,
        error.code,
        error.detail,
        request=request,
        errors=error.errors if isinstance(error, errors.Invalid) else (),
        headers=headers,
        attributes=error.attributes,
    )


def _from_api_exception(error: drf_errors.APIException, request: HttpRequest | None) -> HttpResponse:
    headers: dict[str, str] = {}
    if isinstance(error, drf_errors.NotAuthenticated | drf_errors.AuthenticationFailed):
        error.status_code = 401
        headers["WWW-Authenticate"] = getattr(error, "auth_header", None) or "Bearer"
    wait = getattr(error, "wait", None)
    if wait:
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, drf_errors.ValidationError):
        return _invalid(list(_field_errors(error.detail)), request)
    code = error.get_codes()
    return problem(
        error.status_code,
        code if isinstance(code, str) else error.default_code,
        str(error.detail),
        request=request,
        headers=headers,
    )


def _invalid(found: Sequence[FieldError], request: HttpRequest | None) -> HttpResponse:
    detail = " ".join(f"{e.field}: {e.detail}" if e.field else e.detail for e in found[:3])
    return problem(422, errors.Invalid.code, detail or errors.Invalid().detail, request=request, errors=found)


def _field_errors(detail: Any, path: str = "") -> Iterator[FieldError]:
    """REST framework's nested error detail, flattened: {"lines": [{}, {"unit_amount": […]}]} is lines.1.unit_amount."""
    if isinstance(detail, Mapping):
        for name, value in detail.items():
            own = name in (api_settings.NON_FIELD_ERRORS_KEY, "__all__")
            yield from _field_errors(value, path if own else _join(path, str(name)))
    elif isinstance(detail, list | tuple):
        for index, value in enumerate(detail):
            nested = isinstance(value, Mapping | list | tuple)
            yield from _field_errors(value, _join(path, str(index)) if nested else path)
    else:
        yield FieldError(path, getattr(detail, "code", None) or errors.Invalid.code, str(detail))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _from_django_error(error: BaseException, request: HttpRequest | None) -> HttpResponse | None:
    if isinstance(error, Http404):
        return problem(404, errors.NotFound.code, "Nothing is here.", request=request)
    if isinstance(error, django_errors.PermissionDenied):
        return problem(403, "permission_denied", "This is not allowed.", request=request)
    if isinstance(error, django_errors.RequestDataTooBig):
        return payload_too_large(request)
    if isinstance(error, django_errors.DisallowedHost):
        return problem(400, "unknown_host", "This service is not known under that host name.", request=request)
    if isinstance(error, django_errors.ValidationError):
        return _invalid(list(_field_errors(drf_errors.ValidationError(_messages(error)).detail)), request)
    if isinstance(error, django_errors.SuspiciousOperation | django_errors.BadRequest | UnreadablePostError):
        return problem(400, "bad_request", "The request is malformed.", request=request)
    return None


def _messages(error: django_errors.ValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def payload_too_large(request: HttpRequest | None) -> HttpResponse:
    """413, for a body over settings.MAX_BODY_BYTES."""
    return problem(413, "payload_too_large", too_large(), request=request)


def too_large() -> str:
    """The detail of a 413."""
    return f"The request body is too large: send at most {settings.MAX_BODY_BYTES} bytes."


def method_not_allowed(request: HttpRequest, *allowed: str) -> HttpResponse:
    """405, naming the methods that are."""
    methods = ", ".join(allowed)
    return problem(405, "method_not_allowed", f"Use {methods} here.", request=request, headers={"Allow": methods})


def internal_error(request: HttpRequest | None) -> HttpResponse:
    """500: a bug. The log has the traceback; the client has the request id that finds it."""
    detail = "Something went wrong on our side. Quote the request_id when you ask about it."
    return problem(500, "internal_error", detail, request=request)


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, handler403 and handler404."""
    return from_exception(exception, request) or internal_error(request)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500; errors in middleware come here too: a database away when a session is saved is a 503."""
    error = sys.exc_info()[1]
    known = from_exception(error, request) if isinstance(error, db.Error | errors.DomainError) else None
    if known is not None:
        return known
    logger.error("request %s failed: the traceback is in the log entry of %s", correlation.current(), request.path)
    return internal_error(request)
