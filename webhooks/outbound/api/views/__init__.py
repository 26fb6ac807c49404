"""Webhook endpoints and their deliveries over HTTP: parse, one service call, translate."""

from webhooks.outbound.api.views.deliveries import (
    DeliveryDetail,
    DeliveryResend,
    EndpointDeliveries,
    EndpointDeliveriesResend,
    EndpointTest,
)
from webhooks.outbound.api.views.endpoints import (
    EndpointDetail,
    EndpointDisable,
    EndpointEnable,
    EndpointList,
    EndpointPause,
    EndpointResume,
    EndpointRotate,
)

__all__ = [
    "DeliveryDetail",
    "DeliveryResend",
    "EndpointDeliveries",
    "EndpointDeliveriesResend",
    "EndpointDetail",
    "EndpointDisable",
    "EndpointEnable",
    "EndpointList",
    "EndpointPause",
    "EndpointResume",
    "EndpointRotate",
    "EndpointTest",
]
