"""Plans over HTTP: parse, one service call, translate."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import services
from billing.api.filters import PlanFilter
from billing.api.serializers import plans as serializers
from billing.models import Plan
from config.api import idempotency_header
from config.api.lists import VisibleList
from config.api.permissions import principal_of


@extend_schema_view(get=extend_schema(operation_id="plans_list", summary="List plans, newest first"))
class PlanList(VisibleList[Plan]):
    """Plans: list and create. Customers see the active ones."""

    queryset = Plan.objects.select_related("latest_version")
    required_scopes = {"GET": "plans:read", "POST": "plans:write"}
    customer_methods = {"GET"}
    serializer_class = serializers.PlanSerializer
    filterset_class = PlanFilter
    page_by = ["id"]

    @extend_schema(
        operation_id="plans_create",
        summary="Create a plan",
        request=serializers.PlanInput,
        responses={201: serializers.PlanSerializer, 200: serializers.PlanSerializer},
    )
    def post(self, request: Request) -> Response:
        body = serializers.PlanInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.create_plan(
            actor=principal_of(request),
            name=body.validated_data["name"],
            terms=body.to_terms(),
            family=body.validated_data["family"],
            metadata=body.validated_data["metadata"],
            key=idempotency_header.optional(request, "plans.create"),
        )
        return idempotency_header.answer(created, serializers.PlanSerializer)


class PlanDetail(APIView):
    """One plan."""

    required_scopes = {"GET": "plans:read", "PATCH": "plans:write"}
    customer_methods = {"GET"}

    @extend_schema(operation_id="plans_retrieve", summary="Get a plan", responses={200: serializers.PlanSerializer})
    def get(self, request: Request, plan_id: str) -> Response:
        principal = principal_of(request)
        plan = services.find_plan(plan_id, principal)
        return Response(serializers.PlanSerializer.seen_by(principal)(plan).data)

    @extend_schema(
        operation_id="plans_update",
        summary="Change a plan; what runs keeps its price and what it holds",
        request=serializers.PlanChanges,
        responses={200: serializers.PlanSerializer},
    )
    def patch(self, request: Request, plan_id: str) -> Response:
        body = serializers.PlanChanges(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        plan = services.update_plan(actor=principal_of(request), plan_id=plan_id, changes=dict(body.validated_data))
        return Response(serializers.PlanSerializer(plan).data)
