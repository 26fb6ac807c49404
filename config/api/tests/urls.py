"""Addresses that the tests of the HTTP edge call: an echo, and one error of every kind."""

from collections.abc import Callable
from typing import Any

from django import db
from django.core import exceptions as django_errors
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET
from rest_framework import exceptions as drf_errors
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.models import ApiKey
from config.api import idempotency_header
from config.kernel import errors

handler400 = handler403 = handler404 = "config.api.problems.refused"
handler500 = "config.api.problems.failed"


class InvoiceIsPaid(errors.Conflict):
    """Invoice {id} is paid."""

    code = "invoice_is_paid"


class Busy(errors.Unavailable):
    """Busy."""

    retry_after_seconds = 7


ERRORS: dict[str, Callable[[], Exception]] = {
    "not-found": lambda: errors.NotFound(),
    "conflict": lambda: InvoiceIsPaid(id="inv_1", status="paid", secret=object()),
    "invalid": lambda: errors.Invalid(errors=(errors.FieldError("amount", "not_an_integer", "Send an integer."),)),
    "unavailable": lambda: Busy(),
    "parse": lambda: drf_errors.ParseError(),
    "validation": lambda: drf_errors.ValidationError({"lines": [{}, {"unit_amount": ["Too small."]}]}),
    "validation-list": lambda: drf_errors.ValidationError({"tags": ["First.", "Second."], "non_field_errors": ["No."]}),
    "not-authenticated": lambda: drf_errors.NotAuthenticated(),
    "denied": lambda: drf_errors.PermissionDenied(),
    "throttled": lambda: drf_errors.Throttled(wait=30),
    "operational": lambda: db.OperationalError(2006, "SELECT secret FROM billing_user"),
    "interface": lambda: db.InterfaceError(0, "SELECT secret FROM billing_user"),
    "django-404": lambda: Http404("secret"),
    "django-403": lambda: django_errors.PermissionDenied("secret"),
    "django-invalid": lambda: django_errors.ValidationError({"email": ["Not an address."]}),
    "too-big": lambda: django_errors.RequestDataTooBig("secret"),
    "suspicious": lambda: django_errors.SuspiciousOperation("secret"),
    "bug": lambda: KeyError("secret"),
}


class Raises(APIView):
    """Raises what its path names."""

    required_scopes = {"GET": "invoices:read"}

    def get(self, request: Request, what: str) -> Response:
        raise ERRORS[what]()


class Lines(serializers.Serializer[Any]):
    """A body with a list in it."""

    unit_amount = serializers.IntegerField(min_value=1)


class Body(serializers.Serializer[Any]):
    """A body."""

    lines = Lines(many=True, required=False)
    email = serializers.EmailField(required=False)


class Echo(APIView):
    """Answers with what it was sent."""

    required_scopes = {"GET": "invoices:read", "POST": "invoices:write"}

    def get(self, request: Request) -> Response:
        return Response({"query": dict(request.query_params)})

    def post(self, request: Request) -> Response:
        Body(data=request.data).is_valid(raise_exception=True)
        return Response({"body": request.data})


class Keyed(APIView):
    """Answers with the idempotency key it read."""

    required_scopes = {"POST": "invoices:write"}

    def post(self, request: Request, rule: str) -> Response:
        read = idempotency_header.required if rule == "required" else idempotency_header.optional
        key = read(request, "echo.create")
        return Response({} if key is None else vars(key))


class NoScope(APIView):
    """Its author forgot to declare a scope."""

    def get(self, request: Request) -> Response:
        return Response()


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A row of the paged list."""

    class Meta:
        model = ApiKey
        fields = ["name"]


class Paged(generics.ListAPIView[ApiKey]):
    """A list."""

    required_scopes = {"GET": "invoices:read"}
    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer


class PagedById(Paged):
    """A list in another order."""

    page_by = ("id",)


@require_GET
def plain(request: HttpRequest, what: str) -> HttpResponse:
    """A Django view without REST framework."""
    raise ERRORS[what]()


urlpatterns = [
    path("api/v1/raise/<str:what>", Raises.as_view()),
    path("api/v1/echo", Echo.as_view()),
    path("api/v1/keyed/<str:rule>", Keyed.as_view()),
    path("api/v1/no-scope", NoScope.as_view()),
    path("api/v1/paged", Paged.as_view()),
    path("api/v1/paged-by-id", PagedById.as_view()),
    path("plain/<str:what>", plain),
]
