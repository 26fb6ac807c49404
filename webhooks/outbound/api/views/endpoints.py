"""Webhook endpoints over HTTP: parse, one service call, translate."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api import idempotency_header
from config.api.permissions import principal_of
from config.kernel import clock
from config.kernel.fields import by_id_or
from webhooks.outbound import services
from webhooks.outbound.api import serializers
from webhooks.outbound.api.filters import EndpointFilter
from webhooks.outbound.models import Endpoint

READ, WRITE = "webhook_endpoints:read", "webhook_endpoints:write"
_SHOWN = {200: serializers.WebhookEndpointSerializer}


def _shown() -> QuerySet[Endpoint]:
    return Endpoint.objects.with_previous_secret(clock.wall())


def _found(endpoint_id: str) -> Endpoint:
    return by_id_or(services.EndpointNotFound, _shown(), endpoint_id)


@extend_schema_view(
    get=extend_schema(
        operation_id="webhook_endpoints_list",
        summary="List webhook endpoints, newest first; deleted ones only with ?status=deleted",
    )
)
class EndpointList(generics.ListAPIView[Endpoint]):
    """Webhook endpoints: list and create.

    The `secret` is in the first answer only. Whoever has lost it rotates: a repetition with the same Idempotency-Key
    answers 200 without it.
    """

    queryset = Endpoint.objects.all()
    required_scopes = {"GET": READ, "POST": WRITE}
    serializer_class = serializers.WebhookEndpointSerializer
    filterset_class = EndpointFilter
    page_by = ["id"]

    def get_queryset(self) -> QuerySet[Endpoint]:
        return _shown()

    @extend_schema(
        operation_id="webhook_endpoints_create",
        summary="Create a webhook endpoint",
        request=serializers.WebhookEndpointInput,
        responses={201: serializers.WebhookEndpointWithSecretSerializer, 200: serializers.WebhookEndpointSerializer},
    )
    def post(self, request: Request) -> Response:
        body = serializers.WebhookEndpointInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.create_endpoint(
            actor=principal_of(request),
            url=body.validated_data["url"],
            listens_to=body.validated_data["events"],
            description=body.validated_data["description"],
            key=idempotency_header.optional(request, "webhook_endpoints.create"),
        )
        return idempotency_header.answer(
            dataclasses.replace(created, row=_found(created.row.id)),
            serializers.WebhookEndpointWithSecretSerializer
            if created.is_new
            else serializers.WebhookEndpointSerializer,
        )


class EndpointDetail(APIView):
    """One webhook endpoint."""

    required_scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @extend_schema(
        operation_id="webhook_endpoints_retrieve", summary="Get a webhook endpoint, be it deleted", responses=_SHOWN
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        return Response(serializers.WebhookEndpointSerializer(_found(endpoint_id)).data)

    @extend_schema(
        operation_id="webhook_endpoints_update",
        summary="Change the URL, the events or the description of a webhook endpoint",
        request=serializers.WebhookEndpointChanges,
        responses=_SHOWN,
    )
    def patch(self, request: Request, endpoint_id: str) -> Response:
        body = serializers.WebhookEndpointChanges(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        services.update_endpoint(
            actor=principal_of(request), endpoint_id=endpoint_id, changes=dict(body.validated_data)
        )
        return Response(serializers.WebhookEndpointSerializer(_found(endpoint_id)).data)

    @extend_schema(
        operation_id="webhook_endpoints_delete",
        summary="Delete a webhook endpoint: what waits for it is dead, and can still be read",
        responses={204: None},
    )
    def delete(self, request: Request, endpoint_id: str) -> Response:
        services.delete(actor=principal_of(request), endpoint_id=endpoint_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EndpointRotate(APIView):
    """A new secret for a webhook endpoint, shown this once."""

    required_scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="webhook_endpoints_rotate",
        summary="Sign with a new secret, and for a while with the old one as well",
        request=serializers.WebhookRotateInput,
        responses={200: serializers.WebhookEndpointWithSecretSerializer},
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        body = serializers.WebhookRotateInput(data=request.data)
        body.is_valid(raise_exception=True)
        services.rotate_secret(actor=principal_of(request), endpoint_id=endpoint_id, **body.validated_data)
        return Response(serializers.WebhookEndpointWithSecretSerializer(_found(endpoint_id)).data)


class _Move(APIView):
    """A step of an endpoint's machine, with a reason."""

    required_scopes = {"POST": WRITE}
    move: ClassVar[Callable[..., Endpoint]]

    def post(self, request: Request, endpoint_id: str) -> Response:
        body = serializers.WebhookReasonInput(data=request.data)
        body.is_valid(raise_exception=True)
        self.move(actor=principal_of(request), endpoint_id=endpoint_id, reason=body.validated_data["reason"])
        return Response(serializers.WebhookEndpointSerializer(_found(endpoint_id)).data)


def _documented(name: str, summary: str) -> Any:
    operation = extend_schema(
        operation_id=f"webhook_endpoints_{name}",
        summary=summary,
        request=serializers.WebhookReasonInput,
        responses=_SHOWN,
    )
    return extend_schema_view(post=operation)


@_documented("pause", "Send nothing for a while; what happens meanwhile waits")
class EndpointPause(_Move):
    """Pausing a webhook endpoint."""

    move = staticmethod(services.pause)


@_documented("resume", "Send what has waited, and what comes")
class EndpointResume(_Move):
    """Resuming a webhook endpoint that is paused."""

    move = staticmethod(services.resume)


@_documented("disable", "Send nothing and keep nothing of what happens meanwhile")
class EndpointDisable(_Move):
    """Disabling a webhook endpoint."""

    move = staticmethod(services.disable)


@_documented("enable", "Send what happens from now on, and what was left before it was disabled")
class EndpointEnable(_Move):
    """Enabling a webhook endpoint that is disabled."""

    move = staticmethod(services.enable)
