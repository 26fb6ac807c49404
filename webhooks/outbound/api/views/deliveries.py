"""Deliveries over HTTP: parse, one service call, translate."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.permissions import principal_of
from config.kernel.fields import by_id_or
from webhooks.outbound import services
from webhooks.outbound.api import serializers
from webhooks.outbound.api.filters import DeliveryFilter
from webhooks.outbound.api.views.endpoints import READ, WRITE
from webhooks.outbound.models import Delivery, Endpoint


@extend_schema_view(
    get=extend_schema(
        operation_id="webhook_endpoints_deliveries", summary="List the deliveries to an endpoint, newest first"
    )
)
class EndpointDeliveries(generics.ListAPIView[Delivery]):
    """What was sent to a webhook endpoint, and what is to be."""

    queryset = Delivery.objects.all()
    required_scopes = {"GET": READ}
    serializer_class = serializers.WebhookDeliverySummarySerializer
    filterset_class = DeliveryFilter
    page_by = ["id"]

    def get_queryset(self) -> QuerySet[Delivery]:
        endpoint = by_id_or(services.EndpointNotFound, Endpoint.objects, self.kwargs["endpoint_id"])
        return super().get_queryset().filter(endpoint=endpoint)


class EndpointTest(APIView):
    """A ping."""

    required_scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="webhook_endpoints_test",
        summary="Send a test, which tells of nothing",
        request=None,
        responses={200: serializers.WebhookDeliverySerializer},
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        delivery = services.ping(actor=principal_of(request), endpoint_id=endpoint_id)
        return Response(serializers.WebhookDeliverySerializer(delivery).data)


class EndpointDeliveriesResend(APIView):
    """Sending many deliveries again, each under the id that it always had."""

    required_scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="webhook_endpoints_deliveries_resend",
        summary="Send again what was given up, or what a receiver has lost",
        request=serializers.WebhookResendManyInput,
        responses={200: serializers.WebhookResentSerializer},
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        body = serializers.WebhookResendManyInput(data=request.data)
        body.is_valid(raise_exception=True)
        resent = services.resend_to_endpoint(
            actor=principal_of(request),
            endpoint_id=endpoint_id,
            deliveries=body.to_deliveries(),
            reason=body.validated_data["reason"],
            limit=body.validated_data["limit"],
        )
        return Response(serializers.WebhookResentSerializer(resent).data)


class DeliveryDetail(APIView):
    """One delivery."""

    required_scopes = {"GET": READ}

    @extend_schema(
        operation_id="webhook_deliveries_retrieve",
        summary="Get a delivery with its latest tries",
        responses={200: serializers.WebhookDeliverySerializer},
    )
    def get(self, request: Request, delivery_id: str) -> Response:
        delivery = by_id_or(services.DeliveryNotFound, Delivery.objects, delivery_id)
        return Response(serializers.WebhookDeliverySerializer(delivery).data)


class DeliveryResend(APIView):
    """Sending a delivery again, under the id that it always had."""

    required_scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="webhook_deliveries_resend",
        summary="Send a delivery again now, with all its tries before it",
        request=serializers.WebhookReasonInput,
        responses={200: serializers.WebhookDeliverySerializer},
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        body = serializers.WebhookReasonInput(data=request.data)
        body.is_valid(raise_exception=True)
        delivery = services.resend(actor=principal_of(request), delivery_id=delivery_id, **body.validated_data)
        return Response(serializers.WebhookDeliverySerializer(delivery).data)
