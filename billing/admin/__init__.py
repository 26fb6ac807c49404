"""Where staff look after accounts, and after what people owe for."""

from billing.admin.accounts import ApiKeyAdmin, GroupAdmin, SessionAdmin, UserAdmin

__all__ = ["ApiKeyAdmin", "GroupAdmin", "SessionAdmin", "UserAdmin"]
