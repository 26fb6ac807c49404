"""Receipts over HTTP: parse, one service call, translate."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.permissions import principal_of
from config.kernel.fields import by_id_or
from payments import services
from payments.api import serializers
from payments.api.filters import ReceiptFilter
from payments.models import Receipt


@extend_schema_view(get=extend_schema(operation_id="receipts_list", summary="List receipts, newest first"))
class ReceiptList(generics.ListAPIView[Receipt]):
    """Receipts: list."""

    queryset = Receipt.objects.all()
    required_scopes = {"GET": "receipts:read"}
    serializer_class = serializers.ReceiptSerializer
    filterset_class = ReceiptFilter
    page_by = ["id"]


class ReceiptDetail(APIView):
    """One receipt."""

    required_scopes = {"GET": "receipts:read"}

    @extend_schema(
        operation_id="receipts_retrieve", summary="Get a receipt", responses={200: serializers.ReceiptSerializer}
    )
    def get(self, request: Request, receipt_id: str) -> Response:
        receipt = by_id_or(services.ReceiptNotFound, Receipt.objects, receipt_id)
        return Response(serializers.ReceiptSerializer(receipt).data)


class ReceiptDispose(APIView):
    """Deciding what becomes of money that pays nothing."""

    required_scopes = {"POST": "receipts:write"}

    @extend_schema(
        operation_id="receipts_dispose",
        summary="Apply, give back or split what a receipt has unapplied",
        request=serializers.DisposeInput,
        responses={200: serializers.ReceiptSerializer},
    )
    def post(self, request: Request, receipt_id: str) -> Response:
        body = serializers.DisposeInput(data=request.data)
        body.is_valid(raise_exception=True)
        receipt = services.dispose_receipt(actor=principal_of(request), receipt_id=receipt_id, **body.validated_data)
        return Response(serializers.ReceiptSerializer(receipt).data)
