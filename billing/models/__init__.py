"""Accounts, and why somebody owes: plans, subscriptions, usage."""

from billing.models.accounts import (
    ApiKey,
    EmailAddressField,
    User,
    UserManager,
)
from billing.models.plans import (
    AfterGrace,
    Cycle,
    Plan,
    PlanVersion,
)
from billing.models.sessions import (
    Mail,
    MailKind,
    Session,
    SessionQuerySet,
)
from billing.models.subscriptions import (
    Subscription,
    SubscriptionInvoice,
)
from billing.models.usage import (
    UsageCounter,
    UsageRecord,
)

__all__ = [
    "AfterGrace",
    "ApiKey",
    "Cycle",
    "EmailAddressField",
    "Mail",
    "MailKind",
    "Plan",
    "PlanVersion",
    "Session",
    "SessionQuerySet",
    "Subscription",
    "SubscriptionInvoice",
    "UsageCounter",
    "UsageRecord",
    "User",
    "UserManager",
]
