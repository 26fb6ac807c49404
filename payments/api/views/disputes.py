"""Disputes over HTTP, to look at: it is the provider that opens and closes them."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel.errors import NotFound
from config.kernel.fields import by_id_or
from payments.api import serializers
from payments.api.filters import DisputeFilter
from payments.models import Dispute


class DisputeNotFound(NotFound):
    """There is no dispute {id}."""

    code = "dispute_not_found"


@extend_schema_view(get=extend_schema(operation_id="disputes_list", summary="List disputes, newest first"))
class DisputeList(generics.ListAPIView[Dispute]):
    """Disputes: list."""

    queryset = Dispute.objects.all()
    required_scopes = {"GET": "disputes:read"}
    serializer_class = serializers.DisputeSerializer
    filterset_class = DisputeFilter
    page_by = ["id"]


class DisputeDetail(APIView):
    """One dispute."""

    required_scopes = {"GET": "disputes:read"}

    @extend_schema(
        operation_id="disputes_retrieve", summary="Get a dispute", responses={200: serializers.DisputeSerializer}
    )
    def get(self, request: Request, dispute_id: str) -> Response:
        dispute = by_id_or(DisputeNotFound, Dispute.objects, dispute_id)
        return Response(serializers.DisputeSerializer(dispute).data)
