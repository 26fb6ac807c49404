"""What webhook endpoints look like on the wire, and what is said about them."""

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import InputSerializer
from config.api.shared_fields import OutputSerializer
from webhooks.outbound import services
from webhooks.outbound.models import MAX_URL_LENGTH, Endpoint

MAX_PATTERNS = 100


@extend_schema_field({"type": "string", "format": "uri", "maxLength": MAX_URL_LENGTH})
class UrlField(serializers.CharField):
    """What may stand in it is for the service to say, which refuses more than what is no URL."""


class PatternsField(serializers.ListField):
    """Types of events; * stands for anything."""

    child = serializers.RegexField(r"^[a-z_.*]+$", max_length=100)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "All that happens to invoices and refunds",
            value={
                "url": "https://shop.example.com/webhooks",
                "events": ["invoice.*", "refund.*"],
                "description": "The shop's back end",
            },
            request_only=True,
        )
    ]
)
class WebhookEndpointInput(InputSerializer):
    """POST /webhook-endpoints. In `events` stand types of events (docs/events.md), where * stands for anything."""

    url = UrlField(max_length=MAX_URL_LENGTH)
    events = PatternsField(min_length=1, max_length=MAX_PATTERNS)
    description = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class WebhookEndpointChanges(InputSerializer):
    """PATCH /webhook-endpoints/{id}: only what is sent changes."""

    url = UrlField(max_length=MAX_URL_LENGTH, required=False)
    events = PatternsField(min_length=1, max_length=MAX_PATTERNS, required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)


class WebhookReasonInput(InputSerializer):
    """Why it is done, for whoever reads the log of events."""

    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample("With a day to bring out the new one", value={"overlap_seconds": 86400}, request_only=True),
        OpenApiExample(
            "At once", value={"overlap_seconds": 0, "reason": "the old one was in a log"}, request_only=True
        ),
    ]
)
class WebhookRotateInput(WebhookReasonInput):
    """POST /webhook-endpoints/{id}/rotate: for how long deliveries are signed with the old secret as well."""

    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=services.MAX_OVERLAP_SECONDS,
        required=False,
        default=services.DEFAULT_OVERLAP_SECONDS,
    )


ENDPOINT_EXAMPLE = {
    "id": "whe_01h455vb4pex5vsknk084sn02q",
    "url": "https://shop.example.com/webhooks",
    "events": ["invoice.*", "refund.*"],
    "description": "The shop's back end",
    "status": "enabled",
    "disabled_because": "",
    "failing_since": None,
    "previous_secret_expires_at": None,
    "created_at": "2026-11-20T12:00:00Z",
}


@extend_schema_serializer(examples=[OpenApiExample("At work", value=ENDPOINT_EXAMPLE, response_only=True)])
class WebhookEndpointSerializer(OutputSerializer[Endpoint]):
    """Where somebody wants to hear of events. `events` are types, in which * stands for anything.

    From `failing_since` on no try has succeeded. Its secret is shown when it is made and never again.
    """

    id = serializers.CharField(read_only=True)
    events = serializers.ListField(child=serializers.CharField(), read_only=True)
    previous_secret_expires_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Until then deliveries are signed with an older secret as well."
    )

    class Meta:
        model = Endpoint
        fields = [
            "id",
            "url",
            "events",
            "description",
            "status",
            "disabled_because",
            "failing_since",
            "previous_secret_expires_at",
            "created_at",
        ]
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Keep its secret",
            value=ENDPOINT_EXAMPLE | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
            response_only=True,
        )
    ]
)
class WebhookEndpointWithSecretSerializer(WebhookEndpointSerializer):
    """An endpoint with the secret that its deliveries are signed with: the only time that it is shown."""

    secret = serializers.SerializerMethodField()

    class Meta(WebhookEndpointSerializer.Meta):
        fields = [*WebhookEndpointSerializer.Meta.fields, "secret"]
        read_only_fields = fields

    def get_secret(self, endpoint: Endpoint) -> str:
        return services.valid_secrets(endpoint)[0]
