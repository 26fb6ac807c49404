"""Webhook endpoints, and what is sent to them: looked at, changed with a reason, sent again."""

from webhooks.outbound.admin import archived  # noqa: F401
from webhooks.outbound.admin.deliveries import attention_deliveries
from webhooks.outbound.admin.endpoints import attention_endpoints

__all__ = ["attention_deliveries", "attention_endpoints"]
