"""Django REST framework and the OpenAPI document."""

from typing import Any

MAX_BODY_BYTES = 1024 * 1024
"""Larger request bodies are a 413, webhooks included."""
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "billing.authentication.ApiKeyAuthentication",
        "billing.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "config.api.pagination.CursorPagination",
    "DEFAULT_FILTER_BACKENDS": ["config.api.filters.FilterBackend"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "config.api.openapi.Schema",
    "EXCEPTION_HANDLER": "config.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": False,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Quittance API",
    "DESCRIPTION": "Takes invoices to paid through unreliable payment providers.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.api.openapi.add_components"],
    "ENUM_NAME_OVERRIDES": {
        "SubscriptionStatus": "billing.states.SubscriptionStatus",
        "InvoiceStatus": "invoices.states.InvoiceStatus",
        "PaymentStatus": "payments.states.PaymentStatus",
        "ReceiptStatus": "payments.states.ReceiptStatus",
        "RefundStatus": "payments.states.RefundStatus",
        "DisputeStatus": "payments.states.DisputeStatus",
        "WebhookEndpointStatus": "webhooks.outbound.states.EndpointStatus",
        "WebhookDeliveryStatus": "webhooks.outbound.states.DeliveryStatus",
        "WebhookDeliveryType": "webhooks.outbound.api.filters.TYPES",
    },
}
