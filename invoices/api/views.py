"""Customers and invoices over HTTP: parse, one service call, translate."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api import idempotency_header
from config.api.fields import InputSerializer
from config.api.lists import SeenList, VisibleList
from config.api.permissions import principal_of
from config.kernel.fields import by_id_or
from config.kernel.prepared import Select
from invoices import services
from invoices.api import serializers
from invoices.api.filters import CreditFilter, CustomerFilter, InvoiceFilter
from invoices.models import CreditEntry, Customer, Invoice

_by_id = Select(Invoice.objects.all(), "id")


@extend_schema_view(get=extend_schema(operation_id="customers_list", summary="List customers, newest first"))
class CustomerList(generics.ListAPIView[Customer]):
    """Customers: list and create."""

    queryset = Customer.objects.all()
    required_scopes = {"GET": "customers:read", "POST": "customers:write"}
    serializer_class = serializers.CustomerSerializer
    filterset_class = CustomerFilter
    page_by = ["id"]

    @extend_schema(
        operation_id="customers_create",
        summary="Create a customer",
        request=serializers.CustomerInput,
        responses={201: serializers.CustomerSerializer, 200: serializers.CustomerSerializer},
    )
    def post(self, request: Request) -> Response:
        body = serializers.CustomerInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.create_customer(
            actor=principal_of(request),
            name=body.validated_data.get("name", ""),
            email=body.validated_data.get("email", ""),
            metadata=body.validated_data["metadata"],
            key=idempotency_header.optional(request, "customers.create"),
        )
        return idempotency_header.answer(created, serializers.CustomerSerializer)


class CustomerDetail(APIView):
    """One customer."""

    required_scopes = {"GET": "customers:read", "PATCH": "customers:write"}
    customer_methods = {"GET"}

    @extend_schema(
        operation_id="customers_retrieve", summary="Get a customer", responses={200: serializers.CustomerSerializer}
    )
    def get(self, request: Request, customer_id: str) -> Response:
        principal = principal_of(request)
        customer = by_id_or(services.CustomerNotFound, Customer.objects.visible_to(principal), customer_id)
        return Response(serializers.CustomerSerializer.seen_by(principal)(customer).data)

    @extend_schema(
        operation_id="customers_update",
        summary="Change a customer",
        request=serializers.CustomerChanges,
        responses={200: serializers.CustomerSerializer},
    )
    def patch(self, request: Request, customer_id: str) -> Response:
        body = serializers.CustomerChanges(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        customer = services.update_customer(
            actor=principal_of(request), customer_id=customer_id, changes=dict(body.validated_data)
        )
        return Response(serializers.CustomerSerializer(customer).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="customers_credits_list", summary="List what changed a customer's credit, newest first"
    )
)
class CustomerCredits(SeenList[CreditEntry]):
    """The credit of a customer: its entries, and granting it."""

    queryset = CreditEntry.objects.all()
    required_scopes = {"GET": "customers:read", "POST": "customers:write"}
    customer_methods = {"GET"}
    serializer_class = serializers.CreditSerializer
    filterset_class = CreditFilter
    page_by = ["id"]

    def get_queryset(self) -> QuerySet[CreditEntry]:
        customer = _seen_customer(self.request, self.kwargs["customer_id"])
        return super().get_queryset().filter(customer=customer)

    @extend_schema(
        operation_id="customers_credits_create",
        summary="Grant a customer credit, which pays their next invoices",
        request=serializers.CreditInput,
        responses={201: serializers.CreditSerializer, 200: serializers.CreditSerializer},
    )
    def post(self, request: Request, customer_id: str) -> Response:
        body = serializers.CreditInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.grant_credit(
            actor=principal_of(request),
            customer_id=customer_id,
            **body.validated_data,
            key=idempotency_header.optional(request, "customers.credits.create"),
        )
        return idempotency_header.answer(created, serializers.CreditSerializer)


class CreditRevoke(APIView):
    """Taking credit away."""

    required_scopes = {"POST": "customers:write"}

    @extend_schema(
        operation_id="customers_credits_revoke",
        summary="Take back credit that was granted and not applied yet",
        request=serializers.CreditInput,
        responses={201: serializers.CreditSerializer, 200: serializers.CreditSerializer},
    )
    def post(self, request: Request, customer_id: str) -> Response:
        body = serializers.CreditInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.revoke_credit(
            actor=principal_of(request),
            customer_id=customer_id,
            **body.validated_data,
            key=idempotency_header.optional(request, "customers.credits.revoke"),
        )
        return idempotency_header.answer(created, serializers.CreditSerializer)


class CustomerBalance(APIView):
    """What a customer has in credit."""

    required_scopes = {"GET": "customers:read"}
    customer_methods = {"GET"}

    @extend_schema(
        operation_id="customers_balance_retrieve",
        summary="Get a customer's credit by currency",
        responses={200: serializers.BalancesSerializer},
    )
    def get(self, request: Request, customer_id: str) -> Response:
        customer = _seen_customer(request, customer_id)
        balances = [{"currency": currency, "amount": amount} for currency, amount in customer.credit_balances()]
        return Response({"customer": customer.id, "balances": balances})


def _seen_customer(request: Request, customer_id: str) -> Customer:
    """The customer, for whoever may see it. Raises CustomerNotFound."""
    if not principal_of(request).sees(customer_id):
        raise services.CustomerNotFound(id=customer_id)
    return by_id_or(services.CustomerNotFound, Customer.objects, customer_id)


@extend_schema_view(get=extend_schema(operation_id="invoices_list", summary="List invoices, newest first"))
class InvoiceList(VisibleList[Invoice]):
    """Invoices: list and create."""

    queryset = Invoice.objects.all()
    required_scopes = {"GET": "invoices:read", "POST": "invoices:write"}
    customer_methods = {"GET"}
    serializer_class = serializers.InvoiceSummarySerializer
    filterset_class = InvoiceFilter
    page_by = ["id"]

    @extend_schema(
        operation_id="invoices_create",
        summary="Create an invoice",
        request=serializers.InvoiceInput,
        responses={201: serializers.InvoiceSerializer, 200: serializers.InvoiceSerializer},
    )
    def post(self, request: Request) -> Response:
        body = serializers.InvoiceInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.create_invoice(
            actor=principal_of(request),
            new=body.to_new_invoice(),
            key=idempotency_header.optional(request, "invoices.create"),
        )
        return idempotency_header.answer(created, serializers.InvoiceSerializer)


class InvoiceDetail(APIView):
    """One invoice."""

    required_scopes = {"GET": "invoices:read"}
    customer_methods = {"GET"}

    @extend_schema(
        operation_id="invoices_retrieve",
        summary="Get an invoice with its payments and latest events",
        responses={200: serializers.InvoiceSerializer},
    )
    def get(self, request: Request, invoice_id: str) -> Response:
        principal = principal_of(request)
        invoice = _by_id.one_or(services.InvoiceNotFound, invoice_id)
        if not principal.sees(invoice.customer_id):
            raise services.InvoiceNotFound(id=invoice_id)
        return Response(serializers.InvoiceSerializer.seen_by(principal)(invoice).data)


class VoidInput(InputSerializer):
    """POST /invoices/{id}/void."""

    reason = drf.CharField(max_length=500, required=False, default="", allow_blank=True)


class InvoiceVoid(APIView):
    """Voiding an invoice."""

    required_scopes = {"POST": "invoices:write"}

    @extend_schema(
        operation_id="invoices_void",
        summary="Void an open or failed invoice",
        request=VoidInput,
        responses={200: serializers.InvoiceSerializer},
    )
    def post(self, request: Request, invoice_id: str) -> Response:
        body = VoidInput(data=request.data)
        body.is_valid(raise_exception=True)
        invoice = services.void_invoice(
            actor=principal_of(request), invoice_id=invoice_id, reason=body.validated_data["reason"]
        )
        return Response(serializers.InvoiceSerializer(invoice).data)
