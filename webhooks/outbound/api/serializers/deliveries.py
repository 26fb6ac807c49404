"""What deliveries look like on the wire, and what is said about them."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from config.api.filters import is_storable, made_between
from config.api.shared_fields import OutputSerializer
from config.kernel import ids
from webhooks.outbound.api.filters import TYPES
from webhooks.outbound.api.serializers.endpoints import WebhookReasonInput
from webhooks.outbound.models import Attempt, Delivery
from webhooks.outbound.services import Resent
from webhooks.outbound.states import DeliveryStatus

LATEST_TRIES = 50
ENDED = [DeliveryStatus.DEAD.value, DeliveryStatus.DELIVERED.value]
MOST_RESENT = 10_000


class InstantField(serializers.DateTimeField):
    """One that a database can hold."""

    def to_internal_value(self, value: Any) -> Any:
        instant = super().to_internal_value(value)
        if not is_storable(instant):
            raise serializers.ValidationError("Send a date between the years 2 and 9998.", code="out_of_range")
        return instant


@extend_schema_serializer(
    examples=[
        OpenApiExample("All that was given up", value={"reason": "the receiver is mended"}, request_only=True),
        OpenApiExample(
            "What a receiver has lost",
            value={"status": "delivered", "created_from": "2026-11-20T12:00:00Z", "type": "invoice.paid"},
            request_only=True,
        ),
    ]
)
class WebhookResendManyInput(WebhookReasonInput):
    """POST /webhook-endpoints/{id}/deliveries/resend: which deliveries, oldest first, and how many at most.

    Pending ones are sent by themselves. With `next_cursor` of the answer before as `cursor` it goes on after that.
    """

    status = serializers.ChoiceField(choices=ENDED, required=False, default=DeliveryStatus.DEAD.value)
    type = serializers.ChoiceField(choices=TYPES, required=False)
    created_from = InstantField(required=False)
    created_before = InstantField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST_RESENT, required=False, default=1000)
    cursor = serializers.CharField(max_length=40, required=False, allow_null=True)

    def validate_cursor(self, value: str | None) -> str | None:
        try:
            ids.to_number("whd", value or ids.new("whd"))
        except ValueError as error:
            detail = "Send the next_cursor of an earlier answer, unchanged."
            raise serializers.ValidationError(detail, code="invalid_cursor") from error
        return value

    def to_deliveries(self) -> QuerySet[Delivery]:
        """Those it means, of whatever endpoint."""
        data = self.validated_data
        since, before = data.get("created_from"), data.get("created_before")
        exact = {name: data[name] for name in ("status", "type") if name in data}
        rows = Delivery.objects.filter(**exact)
        if since is not None:
            rows = rows.filter(created_at__gte=since)
        if before is not None:
            rows = rows.filter(created_at__lt=before)
        if data.get("cursor"):
            rows = rows.filter(id__gt=data["cursor"])
        return made_between(rows, since=since, before=before)


class WebhookResentSerializer(serializers.Serializer[Resent]):
    """How many are on their way, and where to go on when there are more."""

    resent = serializers.IntegerField(source="count", read_only=True)
    has_more = serializers.BooleanField(read_only=True)
    next_cursor = serializers.CharField(
        read_only=True, allow_null=True, help_text="Send it as `cursor` for those that are left; null when none are."
    )


class WebhookTrySerializer(OutputSerializer[Attempt]):
    """One try as it went: `status_code` and the beginning of the answer, or why there is none."""

    class Meta:
        model = Attempt
        fields = ["started_at", "url", "status_code", "error", "answer", "duration_ms"]
        read_only_fields = fields


DELIVERY_EXAMPLE = {
    "id": "whd_01h455vb4pex5vsknk084sn02q",
    "endpoint": "whe_01h455vb4pex5vsknk084sn02q",
    "event": "evt_01h455vb4pex5vsknk084sn02q",
    "type": "invoice.paid",
    "status": "pending",
    "attempts": 1,
    "available_at": "2026-11-20T12:05:01Z",
    "status_code": 500,
    "error": "answered with 500",
    "actor": "",
    "reason": "",
    "created_at": "2026-11-20T12:00:00Z",
    "ended_at": None,
}
TRY_EXAMPLE = {
    "started_at": "2026-11-20T12:00:01Z",
    "url": "https://shop.example.com/webhooks",
    "status_code": 500,
    "error": "answered with 500",
    "answer": "Internal Server Error",
    "duration_ms": 87,
}


class WebhookDeliverySummarySerializer(OutputSerializer[Delivery]):
    """One event for one endpoint, as lists show it. A test has no `event`.

    `attempts` counts tries since it was made or sent again; `available_at` is when the next one is due, null when it
    has ended. `actor` and `reason` say who had it sent again. `status_code` and `error` are of the latest try.
    """

    id = serializers.CharField(read_only=True)
    endpoint = serializers.CharField(source="endpoint_id", read_only=True)
    event = serializers.CharField(source="event_id", read_only=True, allow_null=True)

    class Meta:
        model = Delivery
        fields = [
            "id",
            "endpoint",
            "event",
            "type",
            "status",
            "attempts",
            "available_at",
            "status_code",
            "error",
            "actor",
            "reason",
            "created_at",
            "ended_at",
        ]
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample("To be tried again", value=DELIVERY_EXAMPLE | {"tries": [TRY_EXAMPLE]}, response_only=True)
    ]
)
class WebhookDeliverySerializer(WebhookDeliverySummarySerializer):
    """One event for one endpoint, with its 50 latest tries (newest first)."""

    tries = serializers.SerializerMethodField()

    class Meta(WebhookDeliverySummarySerializer.Meta):
        fields = [*WebhookDeliverySummarySerializer.Meta.fields, "tries"]
        read_only_fields = fields

    @extend_schema_field(WebhookTrySerializer(many=True))
    def get_tries(self, delivery: Delivery) -> Any:
        return WebhookTrySerializer(delivery.tries.order_by("-id")[:LATEST_TRIES], many=True).data
