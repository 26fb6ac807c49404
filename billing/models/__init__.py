"""Accounts, and why somebody owes: plans, subscriptions, usage."""

from billing.models.accounts import ApiKey, EmailAddressField, User, UserManager
from billing.models.plans import AfterGrace, Cycle, Plan, PlanVersion
from billing.models.subscriptions import Subscription, SubscriptionInvoice
from billing.models.usage import UsageCounter, UsageRecord

__all__ = [
    "AfterGrace",
    "ApiKey",
    "Cycle",
    "EmailAddressField",
    "Plan",
    "PlanVersion",
    "Subscription",
    "SubscriptionInvoice",
    "UsageCounter",
    "UsageRecord",
    "User",
    "UserManager",
]
