"""The log of events over HTTP."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from outbox import services
from outbox.api.filters import EventFilter
from outbox.api.serializers import LoggedEventSerializer
from outbox.models import ArchivedEvent, OutboxEvent


@extend_schema_view(get=extend_schema(operation_id="events_list", summary="List events, newest first"))
class EventList(generics.ListAPIView[OutboxEvent]):
    """Everything that has happened."""

    queryset = OutboxEvent.objects.all()
    archive = ArchivedEvent.objects.all()
    required_scopes = {"GET": "events:read"}
    serializer_class = LoggedEventSerializer
    filterset_class = EventFilter
    page_by = ["id"]


class EventDetail(APIView):
    """One event."""

    required_scopes = {"GET": "events:read"}

    @extend_schema(operation_id="events_retrieve", summary="Get an event", responses={200: LoggedEventSerializer})
    def get(self, request: Request, event_id: str) -> Response:
        return Response(LoggedEventSerializer(services.find(event_id)).data)
