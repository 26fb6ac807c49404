"""Usage over HTTP: parse, one service call, translate."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import services
from billing.api.serializers import usage as serializers
from billing.api.views.subscriptions import customer_of
from billing.services import Standing
from config.api import idempotency_header
from config.api.permissions import principal_of
from config.api.shared_fields import SharedFields

READ, WRITE = "usage:read", "usage:write"
_CUSTOMER = OpenApiParameter(
    "customer",
    description="Whose. Back ends send it, customers see their own.",
    examples=[OpenApiExample("For a back end", value="cus_01h455vb4pex5vsknk084sn02q")],
)


class UsageUse(APIView):
    """Using something of what a plan holds."""

    body_names_objects = True
    required_scopes = {"POST": WRITE}
    customer_methods = {"POST"}

    @extend_schema(
        operation_id="usage_use",
        summary="Count what is used of a feature, if its limit has room for it",
        request=serializers.UsageInput,
        responses={201: serializers.UsageRecordSerializer, 200: serializers.UsageRecordSerializer},
    )
    def post(self, request: Request) -> Response:
        body = serializers.UsageInput(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        used = services.use(
            actor=principal_of(request),
            customer_id=customer_of(request, data),
            feature_name=data["feature_name"],
            delta=data["delta"],
            subscription_id=data.get("subscription"),
            key=idempotency_header.optional(request, "usage.use"),
        )
        return idempotency_header.answer(used, serializers.UsageRecordSerializer)


class UsageMine(APIView):
    """What was used in this period."""

    query_names_objects = True
    required_scopes = {"GET": READ}
    customer_methods = {"GET"}

    @extend_schema(
        operation_id="usage_me",
        summary="Get what a customer has used of each feature in this period",
        parameters=[_CUSTOMER],
        responses={200: serializers.UsageOfCustomerSerializer},
    )
    def get(self, request: Request) -> Response:
        return _answer(request, services.usage_of, serializers.UsageOfCustomerSerializer)


class UsageLimits(APIView):
    """What may be used."""

    query_names_objects = True
    required_scopes = {"GET": READ}
    customer_methods = {"GET"}

    @extend_schema(
        operation_id="usage_limits",
        summary="Get the limits and switches of all that a customer subscribes to",
        parameters=[_CUSTOMER],
        responses={200: serializers.LimitsSerializer},
    )
    def get(self, request: Request) -> Response:
        return _answer(request, services.limits_of, serializers.LimitsSerializer)


def _answer(request: Request, read: Callable[..., list[Standing]], serializer: type[SharedFields]) -> Response:
    asked: Any = serializers.CustomerInput(data=request.query_params.dict())
    asked.is_valid(raise_exception=True)
    customer = customer_of(request, asked.validated_data)
    found = read(actor=principal_of(request), customer_id=customer)
    return Response(serializer({"customer": customer, "data": found}).data)
