"""What webhook endpoints and deliveries look like on the wire."""

from webhooks.outbound.api.serializers.deliveries import (
    WebhookDeliverySerializer,
    WebhookDeliverySummarySerializer,
    WebhookResendManyInput,
    WebhookResentSerializer,
)
from webhooks.outbound.api.serializers.endpoints import (
    WebhookEndpointChanges,
    WebhookEndpointInput,
    WebhookEndpointSerializer,
    WebhookEndpointWithSecretSerializer,
    WebhookReasonInput,
    WebhookRotateInput,
)

__all__ = [
    "WebhookDeliverySerializer",
    "WebhookDeliverySummarySerializer",
    "WebhookEndpointChanges",
    "WebhookEndpointInput",
    "WebhookEndpointSerializer",
    "WebhookEndpointWithSecretSerializer",
    "WebhookReasonInput",
    "WebhookResendManyInput",
    "WebhookResentSerializer",
    "WebhookRotateInput",
]
