"""Refunds over HTTP: parse, one service call, translate."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api import idempotency_header
from config.api.lists import VisibleList
from config.api.permissions import principal_of
from config.kernel.fields import by_id_or
from payments import services
from payments.api import serializers
from payments.api.filters import RefundFilter
from payments.models import Refund


class PaymentRefund(APIView):
    """Refunding a payment."""

    idempotency_key_required = True
    required_scopes = {"POST": "refunds:write"}

    @extend_schema(
        operation_id="payments_refund",
        summary="Give back what a payment has paid, whole or in part",
        request=serializers.RefundInput,
        responses={201: serializers.RefundSerializer, 200: serializers.RefundSerializer},
    )
    def post(self, request: Request, payment_id: str) -> Response:
        key = idempotency_header.required(request, "payments.refund")
        body = serializers.RefundInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.request_refund(
            actor=principal_of(request), payment_id=payment_id, key=key, **body.validated_data
        )
        return idempotency_header.answer(created, serializers.RefundSerializer)


@extend_schema_view(get=extend_schema(operation_id="refunds_list", summary="List refunds, newest first"))
class RefundList(VisibleList[Refund]):
    """Refunds: list."""

    queryset = Refund.objects.all()
    required_scopes = {"GET": "refunds:read"}
    customer_methods = {"GET"}
    serializer_class = serializers.RefundSerializer
    filterset_class = RefundFilter
    page_by = ["id"]


class RefundDetail(APIView):
    """One refund."""

    required_scopes = {"GET": "refunds:read"}
    customer_methods = {"GET"}

    @extend_schema(
        operation_id="refunds_retrieve", summary="Get a refund", responses={200: serializers.RefundSerializer}
    )
    def get(self, request: Request, refund_id: str) -> Response:
        principal = principal_of(request)
        refund = by_id_or(services.RefundNotFound, Refund.objects.visible_to(principal), refund_id)
        return Response(serializers.RefundSerializer.seen_by(principal)(refund).data)


class RefundConfirm(APIView):
    """Confirming a refund that nobody but a person can tell about."""

    required_scopes = {"POST": "refunds:write"}

    @extend_schema(
        operation_id="refunds_confirm",
        summary="Say that the money of a manual refund, or of one given up as unknown, has gone back",
        request=serializers.RefundConfirmInput,
        responses={200: serializers.RefundSerializer},
    )
    def post(self, request: Request, refund_id: str) -> Response:
        body = serializers.RefundConfirmInput(data=request.data)
        body.is_valid(raise_exception=True)
        refund = services.confirm_refund(actor=principal_of(request), refund_id=refund_id, **body.validated_data)
        return Response(serializers.RefundSerializer(refund).data)


class RefundFail(APIView):
    """Failing a refund that nobody but a person can tell about."""

    required_scopes = {"POST": "refunds:write"}

    @extend_schema(
        operation_id="refunds_fail",
        summary="Say that the money of a manual refund, or of one given up as unknown, has not gone back",
        request=serializers.RefundFailInput,
        responses={200: serializers.RefundSerializer},
    )
    def post(self, request: Request, refund_id: str) -> Response:
        body = serializers.RefundFailInput(data=request.data)
        body.is_valid(raise_exception=True)
        refund = services.fail_refund(actor=principal_of(request), refund_id=refund_id, **body.validated_data)
        return Response(serializers.RefundSerializer(refund).data)
