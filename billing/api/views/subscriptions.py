"""Subscriptions over HTTP: parse, one service call, translate."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import services
from billing.api.filters import SubscriptionFilter
from billing.api.serializers import subscriptions as serializers
from billing.models import Subscription
from config.api import idempotency_header
from config.api.idempotency import Created
from config.api.lists import VisibleList
from config.api.permissions import principal_of

READ, WRITE = "subscriptions:read", "subscriptions:write"
_CREATED = {201: serializers.SubscriptionSerializer, 200: serializers.SubscriptionSerializer}
_TRIAL = OpenApiExample(
    "Without a payment method",
    value={"plan": "plan_01h455vb4pex5vsknk084sn02r", "customer": "cus_01h455vb4pex5vsknk084sn02q"},
    request_only=True,
)
_SHOWN = {200: serializers.SubscriptionSerializer}


def customer_of(request: Request, sent: dict[str, Any]) -> str:
    """Whoever signed in, or whom a back end names; what a customer says of another is that one's, and not found."""
    principal = principal_of(request)
    customer: str | None = sent.get("customer") or (principal.id if principal.kind == "customer" else None)
    if customer is None:
        raise ValidationError({"customer": "Send the id of a customer, cus_…"}, code="required")
    return customer


def _begin(request: Request, operation: str, begin: Callable[..., Created[Subscription]]) -> Response:
    body = serializers.SubscriptionInput(data=request.data)
    body.is_valid(raise_exception=True)
    created = begin(
        actor=principal_of(request),
        new=body.to_new(customer_of(request, body.validated_data)),
        key=idempotency_header.optional(request, operation),
    )
    return idempotency_header.answer(created, serializers.SubscriptionSerializer.seen_by(principal_of(request)))


def _shown(request: Request, subscription: Subscription) -> Response:
    return Response(serializers.SubscriptionSerializer.seen_by(principal_of(request))(subscription).data)


class _Subscriptions(VisibleList[Subscription]):
    """What whoever asks can see."""

    queryset = Subscription.objects.select_related("plan_version", "next_plan_version")
    serializer_class = serializers.SubscriptionSummarySerializer
    filterset_class = SubscriptionFilter
    page_by = ["id"]


@extend_schema_view(get=extend_schema(operation_id="subscriptions_list", summary="List subscriptions, newest first"))
class SubscriptionList(_Subscriptions):
    """Subscriptions: list and create."""

    body_names_objects = True
    required_scopes = {"GET": READ, "POST": WRITE}
    customer_methods = {"GET", "POST"}

    @extend_schema(
        operation_id="subscriptions_create",
        summary="Subscribe to a plan; the first invoice is charged at once",
        request=serializers.SubscriptionInput,
        responses=_CREATED,
    )
    def post(self, request: Request) -> Response:
        return _begin(request, "subscriptions.create", services.subscribe)


@extend_schema_view(get=extend_schema(operation_id="subscriptions_mine", summary="List one's own subscriptions"))
class SubscriptionsMine(_Subscriptions):
    """Of whoever signed in."""

    required_scopes = {"GET": READ}
    customer_methods = {"GET"}


class SubscriptionTrial(APIView):
    """Starting a trial."""

    body_names_objects = True
    required_scopes = {"POST": WRITE}
    customer_methods = {"POST"}

    @extend_schema(
        operation_id="subscriptions_trial",
        summary="Start the trial of a plan",
        examples=[_TRIAL],
        request=serializers.SubscriptionInput,
        responses=_CREATED,
    )
    def post(self, request: Request) -> Response:
        return _begin(request, "subscriptions.trial", services.start_trial)


class SubscriptionDetail(APIView):
    """One subscription."""

    required_scopes = {"GET": READ, "PUT": WRITE, "PATCH": WRITE, "DELETE": WRITE}
    customer_methods = {"GET", "PUT", "PATCH", "DELETE"}

    @extend_schema(
        operation_id="subscriptions_retrieve",
        summary="Get a subscription with its latest invoices and events",
        responses=_SHOWN,
    )
    def get(self, request: Request, subscription_id: str) -> Response:
        found = services.find_subscription(subscription_id, principal_of(request))
        return _shown(request, found)

    @extend_schema(
        operation_id="subscriptions_update",
        summary="Change to another plan of the family, or to another payment method",
        request=serializers.SubscriptionChanges,
        responses=_SHOWN,
    )
    def patch(self, request: Request, subscription_id: str) -> Response:
        body = serializers.SubscriptionChanges(data=request.data)
        body.is_valid(raise_exception=True)
        data, actor = body.validated_data, principal_of(request)
        if "plan" in data:
            changed = services.change_plan(
                actor=actor,
                subscription_id=subscription_id,
                plan_id=data["plan"],
                when=data.get("when"),
                reason=data["reason"],
            )
        else:
            changed = services.change_payment_method(
                actor=actor, subscription_id=subscription_id, terms=body.to_terms(), reason=data["reason"]
            )
        return _shown(request, changed)

    @extend_schema(
        operation_id="subscriptions_replace",
        summary="As PATCH",
        request=serializers.SubscriptionChanges,
        responses=_SHOWN,
    )
    def put(self, request: Request, subscription_id: str) -> Response:
        return self.patch(request, subscription_id)

    @extend_schema(
        operation_id="subscriptions_delete",
        summary="Cancel a subscription now, or when its period ends",
        parameters=[
            OpenApiParameter("when", enum=[each.value for each in services.When], description="Default: now."),
            OpenApiParameter("reason", description="Why."),
        ],
        responses=_SHOWN,
    )
    def delete(self, request: Request, subscription_id: str) -> Response:
        return _cancel(request, subscription_id, request.query_params.dict())


class SubscriptionCancel(APIView):
    """Canceling a subscription."""

    required_scopes = {"POST": WRITE}
    customer_methods = {"POST"}

    @extend_schema(
        operation_id="subscriptions_cancel",
        summary="Cancel a subscription now, or when its period ends",
        request=serializers.CancelSubscriptionInput,
        responses=_SHOWN,
    )
    def post(self, request: Request, subscription_id: str) -> Response:
        return _cancel(request, subscription_id, request.data)


def _cancel(request: Request, subscription_id: str, sent: Any) -> Response:
    body = serializers.CancelSubscriptionInput(data=sent)
    body.is_valid(raise_exception=True)
    canceled = services.cancel_subscription(
        actor=principal_of(request), subscription_id=subscription_id, **body.validated_data
    )
    return _shown(request, canceled)


class SubscriptionReactivate(APIView):
    """Taking back that a subscription is to be canceled."""

    required_scopes = {"POST": WRITE}
    customer_methods = {"POST"}

    @extend_schema(
        operation_id="subscriptions_reactivate",
        summary="Let a subscription go on that was to end with its period",
        request=serializers.ReactivateInput,
        responses=_SHOWN,
    )
    def post(self, request: Request, subscription_id: str) -> Response:
        body = serializers.ReactivateInput(data=request.data)
        body.is_valid(raise_exception=True)
        going_on = services.reactivate_subscription(
            actor=principal_of(request), subscription_id=subscription_id, reason=body.validated_data["reason"]
        )
        return _shown(request, going_on)
