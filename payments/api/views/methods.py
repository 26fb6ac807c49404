"""Payment methods over HTTP: parse, one service call, translate."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api import idempotency_header
from config.api.permissions import principal_of
from payments import services
from payments.api import serializers
from payments.api.filters import PaymentMethodFilter
from payments.models import PaymentMethod

READ, WRITE = "payment_methods:read", "payment_methods:write"
_SHOWN = {200: serializers.PaymentMethodSerializer}


@extend_schema_view(
    get=extend_schema(
        operation_id="payment_methods_list",
        summary="List payment methods, newest first; detached ones only with ?detached=true",
    )
)
class PaymentMethodList(generics.ListAPIView[PaymentMethod]):
    """Payment methods: list and attach."""

    queryset = PaymentMethod.objects.all()
    body_names_objects = True
    required_scopes = {"GET": READ, "POST": WRITE}
    customer_methods = {"GET", "POST"}
    serializer_class = serializers.PaymentMethodSerializer
    filterset_class = PaymentMethodFilter
    page_by = ["id"]

    def get_queryset(self) -> QuerySet[PaymentMethod]:
        return PaymentMethod.objects.visible_to(principal_of(self.request))

    @extend_schema(
        operation_id="payment_methods_create",
        summary="Attach a payment method to a customer; 200 when that token is attached already",
        request=serializers.PaymentMethodInput,
        responses={201: serializers.PaymentMethodSerializer, 200: serializers.PaymentMethodSerializer},
    )
    def post(self, request: Request) -> Response:
        key = idempotency_header.optional(request, "payment_methods.create")
        body = serializers.PaymentMethodInput(data=request.data)
        body.is_valid(raise_exception=True)
        principal = principal_of(request)
        created = services.attach_payment_method(
            actor=principal,
            customer_id=body.customer_for(principal),
            token=body.validated_data["payment_method"],
            provider=body.validated_data["provider"],
            make_default=body.validated_data["make_default"],
            key=key,
        )
        return idempotency_header.answer(created, serializers.PaymentMethodSerializer)


class PaymentMethodDetail(APIView):
    """One payment method."""

    required_scopes = {"GET": READ, "DELETE": WRITE}
    customer_methods = {"GET", "DELETE"}

    @extend_schema(
        operation_id="payment_methods_retrieve", summary="Get a payment method, be it detached", responses=_SHOWN
    )
    def get(self, request: Request, method_id: str) -> Response:
        method = services.find_payment_method(actor=principal_of(request), method_id=method_id)
        return Response(serializers.PaymentMethodSerializer(method).data)

    @extend_schema(
        operation_id="payment_methods_delete",
        summary="Detach a payment method: nothing new is paid with it, and it can still be read",
        responses={204: None},
    )
    def delete(self, request: Request, method_id: str) -> Response:
        services.detach_payment_method(actor=principal_of(request), method_id=method_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PaymentMethodDefault(APIView):
    """Making a payment method the default of its customer."""

    required_scopes = {"POST": WRITE}
    customer_methods = {"POST"}

    @extend_schema(
        operation_id="payment_methods_default",
        summary="Pay the customer's invoices with it where nothing else is said",
        request=None,
        responses=_SHOWN,
    )
    def post(self, request: Request, method_id: str) -> Response:
        method = services.make_default(actor=principal_of(request), method_id=method_id)
        return Response(serializers.PaymentMethodSerializer(method).data)
