"""Where staff look after accounts, and after what people owe for."""

from billing.admin.accounts import (
    ApiKeyAdmin,
    GroupAdmin,
    SessionAdmin,
    UserAdmin,
)
from billing.admin.plans import (
    PlanAdmin,
)
from billing.admin.subscriptions import (
    SubscriptionAdmin,
    attention_subscriptions,
)
from billing.admin.usage import (
    UsageCounterAdmin,
    UsageRecordAdmin,
)

__all__ = [
    "ApiKeyAdmin",
    "GroupAdmin",
    "PlanAdmin",
    "SessionAdmin",
    "SubscriptionAdmin",
    "UsageCounterAdmin",
    "UsageRecordAdmin",
    "UserAdmin",
    "attention_subscriptions",
]
