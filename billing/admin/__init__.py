"""Where staff looks after accounts, plans and subscriptions."""

from billing.admin.accounts import ApiKeyAdmin, GroupAdmin, UserAdmin
from billing.admin.plans import PlanAdmin
from billing.admin.subscriptions import SubscriptionAdmin, attention_subscriptions

__all__ = ["ApiKeyAdmin", "GroupAdmin", "PlanAdmin", "SubscriptionAdmin", "UserAdmin", "attention_subscriptions"]
